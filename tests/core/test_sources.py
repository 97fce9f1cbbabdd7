"""Digests of sources: the same wherever a distribution is installed, and different after any change to its code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from fieldfare.hooks.sources import KERNEL, source_digests

PACKAGES = ("fieldfare", "fieldfare_quantize", "fieldfare_rename", "fieldfare_vectors")


def origin(name: str) -> Path:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return a directory with copies of the packages side by side, as in ``site-packages``, and compiled."""
    for name in PACKAGES:
        shutil.copytree(origin(name).parent, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(origin("acme_redact"), tmp_path)
    digests_in(tmp_path)
    assert list((tmp_path / "fieldfare" / "hooks").glob("__pycache__/*.pyc"))
    return tmp_path


def digests_in(directory: Path) -> dict[str, str]:
    program = "import json; from fieldfare.hooks.sources import source_digests; print(json.dumps(source_digests()))"
    path = os.pathsep.join([str(directory), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True)
    digests: dict[str, str] = json.loads(done.stdout)
    return digests


def test_installed_elsewhere_and_compiled_is_the_same(elsewhere: Path) -> None:
    assert digests_in(elsewhere) == dict(source_digests())


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("fieldfare/engine/rewrite.py", KERNEL),
        ("fieldfare_rename/plugin.py", "rename"),
        ("fieldfare_quantize/codec.py", "quantize"),
        ("acme_redact.py", "acme_redact"),
    ],
)
def test_a_change_is_of_the_package_that_has_it(file: str, name: str, elsewhere: Path) -> None:
    changed = elsewhere / file
    changed.write_bytes(changed.read_bytes() + b"\n# changed\n")
    found = digests_in(elsewhere)
    assert {each for each, digest in source_digests().items() if found[each] != digest} == {name}


def test_a_change_of_what_plugins_share_is_of_those_that_import_it(elsewhere: Path) -> None:
    (elsewhere / "fieldfare_vectors" / "added.py").write_text("")
    found = digests_in(elsewhere)
    differing = {each for each, digest in source_digests().items() if found[each] != digest}
    assert "quantize" in differing
    assert not differing & {KERNEL, "rename", "acme_redact"}
