"""Finds the installed plugins: the metadata of all installed packages is read once, until one of them changes."""

from __future__ import annotations

import sys
from functools import cache, lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from typing import TypeAlias

from fieldfare.hooks.markers import PROJECT

__all__ = ["installed_plugins"]

Directory: TypeAlias = tuple[str, int, int, int]
"""An entry of ``sys.path``: its name, its device, its inode, and when something was added to it or removed."""


def installed_plugins() -> tuple[tuple[EntryPoint, str], ...]:
    """Return the entry point of each installed plugin, and the version of its distribution, sorted by name.

    To install or remove a package changes its directory in ``sys.path``: then they are read again.
    """
    return _read(tuple(map(_directory, sys.path)))


@lru_cache(maxsize=1)
def _read(_: tuple[Directory, ...]) -> tuple[tuple[EntryPoint, str], ...]:
    version = cache(_version)  # of a distribution with several plugins
    points = sorted(entry_points(group=PROJECT), key=lambda each: (each.name, each.value))
    return tuple((point, version(point.dist)) for point in points)


def _directory(path: str) -> Directory:
    try:
        found = Path(path).stat()  # an empty one is the working directory
    except (OSError, ValueError):
        return path, 0, 0, 0
    return path, found.st_dev, found.st_ino, found.st_mtime_ns


def _version(distribution: Distribution | None) -> str:
    return distribution.version if distribution else ""
