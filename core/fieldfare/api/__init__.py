"""The classes for programs: planner, executor and validator, synchronous and asynchronous.

The command line uses these classes, too. A module is imported when one of its names is first used: planning needs
nothing of what carries a plan out.
May import: ``examination`` and below. Must not know: the command line, the wizard, plugins.
"""

from typing import TYPE_CHECKING, Final

from fieldfare.support.lazy_exports import lazy_exports

if TYPE_CHECKING:
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

HOMES: Final = {
    "MigrationExecutor": "fieldfare.api.executor",
    "MigrationPlanner": "fieldfare.api.planner",
    "MigrationValidator": "fieldfare.api.validator",
    "compare_indexes": "fieldfare.api.comparison",
    "drop_abandoned": "fieldfare.api.cleanup",
    "examine_index": "fieldfare.api.examination",
    "find_abandoned": "fieldfare.api.cleanup",
    "find_abandoned_fields": "fieldfare.api.cleanup",
    "load_migration_plan": "fieldfare.plan.file:load_plan",
    "load_migration_report": "fieldfare.report.file:load_report",
    "remove_abandoned_fields": "fieldfare.api.cleanup",
    "size_migration": "fieldfare.api.sizing",
    "write_migration_plan": "fieldfare.plan.file:write_plan",
    "write_migration_report": "fieldfare.report.file:write_report",
}
"""Name → where it is defined."""


def __dir__() -> list[str]:
    """Name what the package offers."""
    return sorted(__all__)


__getattr__ = lazy_exports(__name__, HOMES)
