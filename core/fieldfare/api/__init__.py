"""The classes for programs: planner, executor and validator, synchronous and asynchronous.

The command line uses these classes, too.
May import: ``examination`` and below. Must not know: the command line, the wizard, plugins.
"""

from fieldfare.api.cleanup import drop_abandoned, find_abandoned, find_abandoned_fields, remove_abandoned_fields
from fieldfare.api.comparison import compare_indexes
from fieldfare.api.examination import examine_index
from fieldfare.api.executor import MigrationExecutor
from fieldfare.api.planner import MigrationPlanner
from fieldfare.api.sizing import size_migration
from fieldfare.api.validator import MigrationValidator
from fieldfare.plan.file import load_plan as load_migration_plan
from fieldfare.plan.file import write_plan as write_migration_plan
from fieldfare.report.file import load_report as load_migration_report
from fieldfare.report.file import write_report as write_migration_report

__all__ = [
    "MigrationExecutor",
    "MigrationPlanner",
    "MigrationValidator",
    "compare_indexes",
    "drop_abandoned",
    "examine_index",
    "find_abandoned",
    "find_abandoned_fields",
    "load_migration_plan",
    "load_migration_report",
    "remove_abandoned_fields",
    "size_migration",
    "write_migration_plan",
    "write_migration_report",
]
