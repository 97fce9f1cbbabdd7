"""Everything that programs need for migrations, under one roof; what plugins add to it, too.

A plugin offers a class through an entry point of the group ``fieldfare.api``, whose name is the class's::

    [project.entry-points."fieldfare.api"]
    BatchMigrationPlanner = "fieldfare_batch:BatchMigrationPlanner"

Then ``from fieldfare.migration import BatchMigrationPlanner`` finds it.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any, Final

from fieldfare.api import (
    MigrationExecutor,
    MigrationPlanner,
    MigrationValidator,
    load_migration_plan,
    write_migration_plan,
    write_migration_report,
)
from fieldfare.asynchronous import AsyncMigrationExecutor, AsyncMigrationPlanner, AsyncMigrationValidator
from fieldfare.backup import VectorBackup
from fieldfare.errors import PluginConflict

__all__ = [
    "AsyncMigrationExecutor",
    "AsyncMigrationPlanner",
    "AsyncMigrationValidator",
    "MigrationExecutor",
    "MigrationPlanner",
    "MigrationValidator",
    "VectorBackup",
    "load_migration_plan",
    "write_migration_plan",
    "write_migration_report",
]

GROUP: Final = "fieldfare.api"
"""Entry points of what plugins offer to programs."""


def __getattr__(name: str) -> Any:
    """Find what a plugin offers.

    Raises:
        AttributeError: nobody offers it.
        PluginConflict: more than one distribution does.
    """
    found = sorted(entry_points(group=GROUP, name=name), key=lambda point: point.value)
    if not found:
        message = f"fieldfare.migration has no {name!r}, and no installed plugin offers it"
        raise AttributeError(message)
    if len(found) > 1:
        offers = [point.value for point in found]
        raise PluginConflict(f"{name} is offered by {' and by '.join(offers)}. Uninstall one of them.", offers)
    return found[0].load()
