"""Installs plugins for the processes of one test, without pip."""

from __future__ import annotations

from pathlib import Path

__all__ = ["install_plugin"]


def install_plugin(directory: Path, name: str, module: str | None = None) -> Path:
    """Make a module an installed plugin for processes that have ``directory`` on their PYTHONPATH.

    Args:
        directory: the directory for the metadata; the module may be there, or elsewhere.
        name: the name of the entry point and of the distribution, whose version is 1.0.
        module: the module to load, by default the one of this name.

    Returns:
        The directory.
    """
    metadata = directory / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[fieldfare]\n{name} = {module or name}\n")
    return directory
