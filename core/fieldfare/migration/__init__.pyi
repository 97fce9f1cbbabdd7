# What type checkers see: the names of __init__.py, and those that the plugins of fieldfare's distribution add.
from typing import Any

from fieldfare.api import MigrationExecutor as MigrationExecutor
from fieldfare.api import MigrationPlanner as MigrationPlanner
from fieldfare.api import MigrationValidator as MigrationValidator
from fieldfare.api import compare_indexes as compare_indexes
from fieldfare.api import examine_index as examine_index
from fieldfare.api import load_migration_plan as load_migration_plan
from fieldfare.api import load_migration_report as load_migration_report
from fieldfare.api import size_migration as size_migration
from fieldfare.api import write_migration_plan as write_migration_plan
from fieldfare.api import write_migration_report as write_migration_report
from fieldfare.api.asynchronous import AsyncMigrationExecutor as AsyncMigrationExecutor
from fieldfare.api.asynchronous import AsyncMigrationPlanner as AsyncMigrationPlanner
from fieldfare.api.asynchronous import AsyncMigrationValidator as AsyncMigrationValidator
from fieldfare.backup import VectorBackup as VectorBackup
from fieldfare.cli.migration_wizard import MigrationWizard as MigrationWizard
from fieldfare.patch import SchemaPatch as SchemaPatch
from fieldfare_batch import BatchMigrationExecutor as BatchMigrationExecutor
from fieldfare_batch import BatchMigrationPlanner as BatchMigrationPlanner
from fieldfare_batch import BatchPlan as BatchPlan
from fieldfare_batch import BatchState as BatchState
from fieldfare_quantize import encode_query as encode_query
from fieldfare_quantize import encoder as encoder

__all__ = [
    "AsyncMigrationExecutor",
    "AsyncMigrationPlanner",
    "AsyncMigrationValidator",
    "BatchMigrationExecutor",
    "BatchMigrationPlanner",
    "BatchPlan",
    "BatchState",
    "MigrationExecutor",
    "MigrationPlanner",
    "MigrationValidator",
    "MigrationWizard",
    "SchemaPatch",
    "VectorBackup",
    "compare_indexes",
    "encode_query",
    "encoder",
    "examine_index",
    "load_migration_plan",
    "load_migration_report",
    "size_migration",
    "write_migration_plan",
    "write_migration_report",
]

def __getattr__(name: str) -> Any: ...  # what other plugins add
