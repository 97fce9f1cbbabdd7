"""Everything that programs need for migrations, under one roof; what plugins add to it, too.

A plugin offers a class through an entry point of the group ``fieldfare.api``, whose name is the class's::

    [project.entry-points."fieldfare.api"]
    BatchMigrationPlanner = "fieldfare_batch:BatchMigrationPlanner"

Then ``from fieldfare.migration import BatchMigrationPlanner`` finds it.
"""

from __future__ import annotations

from typing import Any

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
from fieldfare.offers import find_offer

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


def __getattr__(name: str) -> Any:
    """Find what a plugin offers.

    Raises:
        AttributeError: nobody offers it.
        PluginConflict: more than one distribution does.
    """
    return find_offer(name, __name__)
