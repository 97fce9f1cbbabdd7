"""Migrating many indexes with one patch: one plan for each index, one state file for the batch.

The classes are imported lazily, because this package is imported whenever ``fieldfare`` starts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldfare_batch.executor import BatchMigrationExecutor
    from fieldfare_batch.plan import BatchPlan
    from fieldfare_batch.planner import BatchMigrationPlanner
    from fieldfare_batch.state import BatchState

__all__ = ["BatchMigrationExecutor", "BatchMigrationPlanner", "BatchPlan", "BatchState"]

_MODULES = {
    "BatchMigrationExecutor": "fieldfare_batch.executor",
    "BatchMigrationPlanner": "fieldfare_batch.planner",
    "BatchPlan": "fieldfare_batch.plan",
    "BatchState": "fieldfare_batch.state",
}


def __getattr__(name: str) -> Any:
    """Import one of the classes."""
    if name not in _MODULES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_MODULES[name]), name)
