"""What a migration does when nothing disturbs it: the measure for those that something does disturb."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from attrs import Factory, field, frozen

from fieldfare.api import MigrationExecutor
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare.testing.digest import State, read_state
from fieldfare.testing.faults import record_points

__all__ = ["Survey", "survey"]


@frozen(hash=False)
class Survey:
    """One run and its rollback, undisturbed.

    Attributes:
        original: the state before.
        migrated: the state after the run.
        restored: the state after the rollback.
        reached: the points that the run reaches, in order.
        undo_reached: those that the rollback reaches.
        points: how often the run reaches each point.
        undo_points: how often the rollback does.
    """

    original: State
    migrated: State
    restored: State
    reached: Sequence[str]
    undo_reached: Sequence[str]
    points: Counter[str] = field(init=False, default=Factory(lambda self: Counter(self.reached), takes_self=True))
    undo_points: Counter[str] = field(
        init=False, default=Factory(lambda self: Counter(self.undo_reached), takes_self=True)
    )


def survey(server: Server, plan: MigrationPlan, backup_dir: Path, *, batch_size: int, workers: int = 1) -> Survey:
    """Carry out a plan, and take it back."""
    executor = MigrationExecutor()
    original = read_state(server)
    with record_points() as reached:
        executor.apply(plan, server=server, backup_dir=backup_dir, batch_size=batch_size, num_workers=workers)
    migrated = read_state(server)
    with record_points() as undo_reached:
        executor.rollback(server=server, backup_dir=backup_dir, num_workers=workers)
    return Survey(original, migrated, read_state(server), reached, undo_reached)
