"""The classes that programs use; the command line uses nothing else."""

from fieldfare.api.executor import MigrationExecutor
from fieldfare.api.planner import MigrationPlanner
from fieldfare.api.validator import MigrationValidator
from fieldfare.plan.file import load_plan as load_migration_plan
from fieldfare.plan.file import write_plan as write_migration_plan
from fieldfare.report_file import write_report as write_migration_report

__all__ = [
    "MigrationExecutor",
    "MigrationPlanner",
    "MigrationValidator",
    "load_migration_plan",
    "write_migration_plan",
    "write_migration_report",
]
