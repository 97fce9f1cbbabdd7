"""fieldfare, installed from a copy of the repository into an environment that has nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from pages import ROOT

__all__ = ["bare_environment", "copy_repository", "install_copy"]

TREE: Final = (
    *("core", "plugins", "docs", "docs_site", "examples", "benchmarks", "tests"),
    *("README.md", "LICENSE", "pyproject.toml"),
)
PACKAGE_INDEX: Final = ("PIP_", "UV_", "SSL_CERT_")
"""The beginnings of variables that say where packages come from, and whom to believe that."""


def bare_environment(home: Path, path: str) -> dict[str, str]:
    """Return the variables of a user who has set none but where packages come from."""
    index = {name: value for name, value in os.environ.items() if name.startswith(PACKAGE_INDEX)}
    return {"HOME": str(home), "PATH": path, **index}


def copy_repository(directory: Path) -> None:
    """Copy what a clone has, without what was built in it."""
    for name in TREE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, directory / name)


def install_copy(directory: Path, extras: str) -> Path:
    """Install fieldfare with these extras into a virtual environment, unless that was done before.

    Returns:
        The directory of its programs.
    """
    programs = directory / ".venv" / "bin"
    if not (programs / "fieldfare").exists():
        directory.mkdir()
        copy_repository(directory)
        environment = bare_environment(directory, os.environ["PATH"])
        for line in ("python3 -m venv .venv", f".venv/bin/pip install -q '.{extras}'"):
            subprocess.run(["bash", "-c", line], cwd=directory, env=environment, check=True, capture_output=True)  # noqa: S607 - that of the system
    return programs
