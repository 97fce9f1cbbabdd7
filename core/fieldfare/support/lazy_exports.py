"""Packages whose names are imported when they are first used, so that ``fieldfare`` starts soon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

__all__ = ["lazy_exports"]


def lazy_exports(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package: it imports what has a name when that is first looked up.

    Args:
        package: its name.
        homes: what it offers: name → the module that defines it, followed by ``:NAME`` if it has another name there.
    """

    def look_up(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module, _, attribute = homes[name].partition(":")
        return getattr(import_module(module), attribute or name)

    return look_up
