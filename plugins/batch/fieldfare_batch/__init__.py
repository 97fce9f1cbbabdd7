"""Many indexes: one patch, one plan for each index, one record of how far all of them got.

The guide's classes are loaded when they are asked for: this package is imported whenever ``fieldfare`` starts.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldfare_batch.executor import BatchMigrationExecutor
    from fieldfare_batch.planner import BatchMigrationPlanner

__all__ = ["BatchMigrationExecutor", "BatchMigrationPlanner"]

_HOMES = {"BatchMigrationExecutor": "fieldfare_batch.executor", "BatchMigrationPlanner": "fieldfare_batch.planner"}


def __getattr__(name: str) -> Any:
    """Load one of the guide's classes."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_HOMES[name]), name)
