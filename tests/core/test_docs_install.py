"""The lines that install fieldfare, typed in a copy of the repository that nothing was installed in."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from installed_copy import bare_environment, copy_repository
from pages import DOCS, ROOT, blocks

PAGES = {"README": ROOT / "README.md", "install": DOCS / "install.md"}
RUNS_TESTS = ".venv/bin/pytest"

pytestmark = pytest.mark.skipif(not os.environ.get("TORTURE"), reason="TORTURE=1 runs it: it installs from PyPI")


def lines(page: Path) -> list[str]:
    """Return the lines that use a virtual environment of their own, in the order of the page."""
    return [line for block in blocks(page, "bash") if ".venv/bin/" in block for line in block.splitlines()]


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_installed_as_the_page_does(page: Path, tmp_path: Path) -> None:
    copy_repository(tmp_path)
    typed = lines(page)
    assert sum("pip install" in line for line in typed) >= 1
    environment = bare_environment(tmp_path, os.environ["PATH"])
    said = ""
    for line in typed:
        command = f"{line} --collect-only -q" if line.startswith(RUNS_TESTS) else line  # this is one of them
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True)  # noqa: PLW1510, S607 - the code is looked at; sh of the system
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        said += done.stdout
    assert "Every byte is what it was" in said
    assert "acme" not in re.sub(r"tests/.*", "", said)


@pytest.mark.parametrize("tool", ["uv", "pipx"])
def test_command_installed_with_a_tool_as_the_page_does(tool: str, tmp_path: Path) -> None:
    copy_repository(tmp_path / "clone")
    environment = bare_environment(tmp_path, f"{tmp_path}/tools/bin:{tmp_path}/.local/bin:/usr/local/bin:/usr/bin:/bin")
    typed = [
        line for block in blocks(DOCS / "install.md", "bash") for line in block.splitlines() if line.startswith(tool)
    ]
    assert len(typed) > 1, "without and with an extra"
    for line in (
        f"python3 -m venv ../tools; ../tools/bin/pip install -q {tool}",
        *typed,
        "fieldfare --version",
        "fieldfare demo",
    ):
        done = subprocess.run(  # noqa: PLW1510 - the code is looked at
            ["bash", "-c", line],  # noqa: S607 - that of the system
            cwd=tmp_path / "clone",
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    assert "Every byte is what it was" in done.stdout
