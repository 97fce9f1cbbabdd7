"""A run and its rollback that nothing disturbs: what runs with a fault are compared with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import Factory, field, frozen

from fieldfare.api import MigrationExecutor
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare.testing.digest import State, read_state
from fieldfare.testing.faults import record_points

__all__ = ["Baseline", "record_baseline"]


@frozen(hash=False)
class Baseline:
    """One undisturbed run and its rollback.

    Attributes:
        original: the state before.
        migrated: the state after the run.
        restored: the state after the rollback.
        reached: the fault points that the run reaches, in order.
        rollback_reached: the fault points that the rollback reaches, in order.
        points: how often the run reaches each point.
        rollback_points: how often the rollback reaches each point.
    """

    original: State
    migrated: State
    restored: State
    reached: Sequence[str]
    rollback_reached: Sequence[str]
    points: Counter[str] = field(init=False, default=Factory(lambda self: Counter(self.reached), takes_self=True))
    rollback_points: Counter[str] = field(
        init=False, default=Factory(lambda self: Counter(self.rollback_reached), takes_self=True)
    )


def record_baseline(
    server: Server, plan: MigrationPlan, backup_dir: Path, *, batch_size: int, workers: int = 1, **rollback: Any
) -> Baseline:
    """Apply a plan and roll it back, with these choices."""
    executor = MigrationExecutor()
    original = read_state(server)
    with record_points() as reached:
        executor.apply(plan, server=server, backup_dir=backup_dir, batch_size=batch_size, num_workers=workers)
    migrated = read_state(server)
    with record_points() as rollback_reached:
        executor.rollback(server=server, backup_dir=backup_dir, num_workers=workers, **rollback)
    return Baseline(original, migrated, read_state(server), reached, rollback_reached)
