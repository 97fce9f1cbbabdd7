"""All classes and functions for programs, including those of plugins.

A plugin adds a class through an entry point of the group ``fieldfare.api`` with the name of the class::

    [project.entry-points."fieldfare.api"]
    BatchMigrationPlanner = "fieldfare_batch:BatchMigrationPlanner"

Then ``from fieldfare.migration import BatchMigrationPlanner`` imports it, and so does ``import *``. The stub
``__init__.pyi`` beside this module tells type checkers those of the plugins that fieldfare comes with.

The modules of this package have the names of those of RedisVL's migrator, so that a script that imports from
``redisvl.migration.utils``, say, runs with ``fieldfare.migration.utils``. See ``docs/coming-from-rvl-migrate.md``.
May import: everything but the command line and ``testing``. Must not know: how anything is done.
"""

from __future__ import annotations

from typing import Any

from fieldfare.api import (
    MigrationExecutor,
    MigrationPlanner,
    MigrationValidator,
    compare_indexes,
    examine_index,
    load_migration_plan,
    load_migration_report,
    size_migration,
    write_migration_plan,
    write_migration_report,
)
from fieldfare.api.asynchronous import AsyncMigrationExecutor, AsyncMigrationPlanner, AsyncMigrationValidator
from fieldfare.backup import VectorBackup
from fieldfare.hooks.api_entry_points import load_api_entry_point, names_of_api_entry_points
from fieldfare.patch import SchemaPatch

__all__ = [  # noqa: PLE0604 - names of plugins, too
    *names_of_api_entry_points(),
    "AsyncMigrationExecutor",
    "AsyncMigrationPlanner",
    "AsyncMigrationValidator",
    "MigrationExecutor",
    "MigrationPlanner",
    "MigrationValidator",
    "SchemaPatch",
    "VectorBackup",
    "compare_indexes",
    "examine_index",
    "load_migration_plan",
    "load_migration_report",
    "size_migration",
    "write_migration_plan",
    "write_migration_report",
]


def __getattr__(name: str) -> Any:
    """Load a class or function that a plugin provides.

    Raises:
        AttributeError: no installed plugin provides it.
        PluginConflict: more than one distribution provides it.
    """
    return load_api_entry_point(name, __name__)
