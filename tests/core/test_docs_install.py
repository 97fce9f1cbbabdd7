"""The lines that install fieldfare, typed in a copy of the repository that nothing was installed in."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TREE = (
    "core",
    "plugins",
    "docs",
    "docs_site",
    "examples",
    "benchmarks",
    "tests",
    "README.md",
    "LICENSE",
    "pyproject.toml",
)
PAGES = {"README": ROOT / "README.md", "install": ROOT / "docs" / "install.md"}
RUNS_TESTS = ".venv/bin/pytest"

pytestmark = pytest.mark.skipif(not os.environ.get("TORTURE"), reason="TORTURE=1 runs it: it installs from PyPI")


def lines(page: Path) -> list[str]:
    """Return the lines that use a virtual environment of their own, in the order of the page."""
    blocks = re.findall(r"^```bash\n(.+?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks if ".venv/bin/" in block for line in block.splitlines()]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_installed_as_the_page_does(page: Path, tmp_path: Path) -> None:
    for name in TREE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tmp_path / name)
    typed = lines(page)
    assert sum("pip install" in line for line in typed) >= 1
    kept = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    environment = kept | {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    said = ""
    for line in typed:
        command = f"{line} --collect-only -q" if line.startswith(RUNS_TESTS) else line  # this is one of them
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)  # noqa: PLW1510, S607 - the code is looked at; sh of the system
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        said += done.stdout
    assert "Every byte is what it was" in said
    assert "acme" not in re.sub(r"tests/.*", "", said)
