"""``fieldfare new-plugin``: what it writes is a plugin that passes the conformance suite, and fails it readably."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

from fieldfare.cli.app import run
from fieldfare.cli.new_plugin_files import new_plugin_files
from fieldfare.testing.installation import install_plugin
from torture import TORTURE

PAGE: Final = Path(__file__).parents[2] / "docs" / "writing-a-plugin.md"
QUICK: Final = "claimed or pure or expected or odd or restores"


def run_suite(plugin: Path, metadata: Path, selected: str | None) -> str:
    """Run the plugin's own tests, as its author does, and return what they print."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    path = os.pathsep.join([str(plugin), str(metadata), os.environ.get("PYTHONPATH", "")])
    options = ["-k", selected] if selected else []
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
        cwd=plugin,
        env={**environment, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_it_passes_the_suite_and_a_broken_one_says_what_was_promised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["new-plugin", "acme-mask"]) == 0
    assert f"Plugin written to {tmp_path / 'acme-mask'}" in capsys.readouterr().out
    plugin = tmp_path / "acme-mask"
    metadata = install_plugin(tmp_path / "metadata", "acme_mask")
    passed = run_suite(plugin, metadata, None if TORTURE else QUICK)
    assert " passed" in passed, passed
    assert "failed" not in passed, passed

    module = plugin / "acme_mask.py"
    whole = module.read_text()
    counting = whole.replace("from __future__ import annotations", "from itertools import count\n\nCOUNT = count()")
    module.write_text(counting.replace('value[:1] + b"***"', 'b"%d" % next(COUNT)'))
    impure = run_suite(plugin, metadata, "pure")
    assert "Promised: The same batch gives the same result again." in impure
    assert "Seen:     Mask 'email': a second call gives another result: 'email' of b'conformance:" in impure, impure
    assert "Traceback" not in impure
    shown = re.findall(r"^```text\n(Promised: .+?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    lines = [re.sub(r"\d+", "N", line) for line in "".join(shown).splitlines()]
    assert lines
    assert [line for line in lines if line not in re.sub(r"\d+", "N", impure)] == []
    assert "core/fieldfare" not in impure.partition("Promised")[2].partition("short test summary")[0]

    module.write_text(whole.replace("return None if value is None else", "assert value != b'b'\n    return"))
    raising = run_suite(plugin, metadata, "order")
    assert "Promised: Documents in reverse order get the same values, in reverse order." in raising
    assert "Seen:     PluginBroken: Plugin 'acme_mask' is broken: fieldfare_transform raised" in raising
    assert "acme_mask.py:" in raising


def test_names_of_files_and_changes_follow_from_the_name() -> None:
    files = new_plugin_files("acme-mask-email", "1.2")
    assert list(files) == [
        "pyproject.toml",
        "README.md",
        "acme_mask_email.py",
        *sorted(["tests/conftest.py", "tests/test_acme_mask_email.py"]),
    ]
    project = tomllib.loads(files["pyproject.toml"])
    assert project["project"]["entry-points"]["fieldfare"] == {"acme_mask_email": "acme_mask_email"}
    assert project["project"]["dependencies"] == ["fieldfare>=1.2"]
    assert 'KIND = "acme.mask_email"' in files["acme_mask_email.py"]
    assert "class TestAcmeMaskEmail(" in files["tests/test_acme_mask_email.py"]
    assert not [text for text in files.values() if "$" in text]
    assert 'KIND = "single.mask"' in new_plugin_files("single", "1.2")["single.py"]


@pytest.mark.parametrize("name", ["Acme", "acme_mask", "../acme", "1acme", "acme-", "acme--mask", ""])
def test_other_names_are_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["new-plugin", name]) == 2
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert run(["new-plugin", "acme-mask", "--directory", str(tmp_path)]) == 2
    assert "is not empty. Name another directory with --directory" in capsys.readouterr().err
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]
