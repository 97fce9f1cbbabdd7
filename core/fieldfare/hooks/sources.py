"""Digests of sources: do two processes run the same code, under the same version?"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fieldfare.hooks.markers import PROJECT

__all__ = ["KERNEL", "distributions", "source_digests"]

KERNEL: Final = "fieldfare"
"""The package of the kernel, which every digest of a plugin leaves out."""

IMPORT: Final = re.compile(rb"^[ \t]*(?:from|import)[ \t]+(\w+)", re.MULTILINE)


@cache
def source_digests() -> Mapping[str, str]:
    """Return digests of the kernel (:data:`KERNEL`) and of each installed plugin, under its name.

    A digest is that of the ``.py`` files of the plugin's package, and of packages that it imports whose names begin
    with that of its distribution. It is the same wherever they are installed, and whether they are compiled.

    The first answer stays: a process that continues after an upgrade has the old code.
    """
    digests = {KERNEL: _digest([KERNEL], "")}
    for point in entry_points(group=PROJECT):
        digests[point.name] = _digest([point.module.partition(".")[0]], _distribution(point.dist))
    return digests


@cache
def distributions() -> Mapping[str, str]:
    """Return the name of the distribution of each installed plugin."""
    return {point.name: point.dist.name if point.dist else "" for point in entry_points(group=PROJECT)}


def _distribution(dist: object) -> str:
    return re.sub(r"[-_.]+", "_", str(getattr(dist, "name", ""))).lower()


def _digest(packages: list[str], related: str) -> str:
    """Return the digest of packages, and of those that they import whose names begin with ``related``."""
    found = hashlib.sha256()
    for package in packages:  # grows
        for name, content in _sources(package):
            found.update(f"{name}\0{len(content)}\0".encode())
            found.update(content)
            if not related:
                continue
            imported = {each.decode() for each in IMPORT.findall(content)}
            known = {*packages, KERNEL}
            packages += sorted(each for each in imported - known if each.startswith(related) and find_spec(each))
    return found.hexdigest()


def _sources(package: str) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each source file of a package, or of a module; nothing is imported."""
    spec = find_spec(package)
    if spec is None:
        return
    if spec.submodule_search_locations is None and spec.origin is not None:
        yield package, Path(spec.origin).read_bytes()
    for place in map(Path, spec.submodule_search_locations or ()):
        for path in sorted(place.rglob("*.py")):
            yield f"{package}/{path.relative_to(place).as_posix()}", path.read_bytes()
