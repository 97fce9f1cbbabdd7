"""Migrating many indexes with one patch: one plan for each index, one state file for the batch.

The classes are imported lazily, because this package is imported whenever ``fieldfare`` starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.support.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from fieldfare_batch.executor import BatchMigrationExecutor
    from fieldfare_batch.plan import BatchPlan
    from fieldfare_batch.planner import BatchMigrationPlanner
    from fieldfare_batch.state import BatchState

__all__ = ["BatchMigrationExecutor", "BatchMigrationPlanner", "BatchPlan", "BatchState"]

__getattr__ = lazy_exports(
    __name__,
    {
        "BatchMigrationExecutor": "fieldfare_batch.executor",
        "BatchMigrationPlanner": "fieldfare_batch.planner",
        "BatchPlan": "fieldfare_batch.plan",
        "BatchState": "fieldfare_batch.state",
    },
)
