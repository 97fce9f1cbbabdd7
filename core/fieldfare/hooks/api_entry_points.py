"""Classes and functions that plugins add to ``fieldfare.migration``: entry points of the group ``fieldfare.api``.

The name of the entry point is the name of the class or function::

    [project.entry-points."fieldfare.api"]
    BatchMigrationPlanner = "fieldfare_batch:BatchMigrationPlanner"
"""

from __future__ import annotations

from collections import Counter
from importlib.metadata import entry_points
from typing import Any, Final

from fieldfare.errors import PluginConflict

__all__ = ["GROUP", "load_api_entry_point", "names_of_api_entry_points"]

GROUP: Final = "fieldfare.api"


def names_of_api_entry_points() -> list[str]:
    """Return the names of what installed plugins provide, sorted, without those that several provide."""
    found = Counter(point.name for point in entry_points(group=GROUP))
    return sorted(name for name, count in found.items() if count == 1)


def load_api_entry_point(name: str, module: str) -> Any:
    """Load a class or function that a plugin provides.

    Args:
        name: the name of the class or function.
        module: the module with the missing attribute, for the message.

    Raises:
        AttributeError: no installed plugin provides it.
        PluginConflict: more than one distribution provides it.
    """
    found = sorted(entry_points(group=GROUP, name=name), key=lambda point: point.value)
    if not found:
        raise AttributeError(f"{module} has no {name!r}, and no installed plugin provides it")
    if len(found) > 1:
        providers = [point.value for point in found]
        raise PluginConflict(f"{name} is provided by {' and by '.join(providers)}. Uninstall one of them.", providers)
    return found[0].load()
