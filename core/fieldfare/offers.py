"""What plugins offer to programs: entry points of the group ``fieldfare.api``.

A plugin offers a class or a function through an entry point whose name is that of the class or function::

    [project.entry-points."fieldfare.api"]
    BatchMigrationPlanner = "fieldfare_batch:BatchMigrationPlanner"
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, Final

from fieldfare.errors import PluginConflict

__all__ = ["GROUP", "find_offer"]

GROUP: Final = "fieldfare.api"


def find_offer(name: str, module: str) -> Any:
    """Find what a plugin offers.

    Args:
        name: of the class or function.
        module: where it was looked for.

    Raises:
        AttributeError: nobody offers it.
        PluginConflict: more than one distribution does.
    """
    found = sorted(entry_points(group=GROUP, name=name), key=lambda point: point.value)
    if not found:
        raise AttributeError(f"{module} has no {name!r}, and no installed plugin offers it")
    if len(found) > 1:
        offers = [point.value for point in found]
        raise PluginConflict(f"{name} is offered by {' and by '.join(offers)}. Uninstall one of them.", offers)
    return found[0].load()
