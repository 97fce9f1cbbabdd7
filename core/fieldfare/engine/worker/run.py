"""A run as a worker sees it: one shard, a journal in memory, the orders of the coordinator."""

from __future__ import annotations

from typing import Final

from attrs import define

from fieldfare.backup.journal import Journal
from fieldfare.engine.distribution.orders import FollowedOrders
from fieldfare.engine.run import ActiveRun

__all__ = ["WorkerJournal", "WorkerRun"]

LOCK_MAX_AGE: Final = 0.1
"""Seconds for which an answer about the lock is good enough where nothing is written."""


@define
class WorkerJournal(Journal):
    """A journal that is never written: the coordinator owns the one on disk."""

    def save(self) -> None:
        """Do nothing."""


@define
class WorkerRun(ActiveRun):
    """One task of a run.

    Attributes:
        orders: of the coordinator.
        looked_at: how many documents the worker has looked at.
    """

    orders: FollowedOrders | None = None
    looked_at: int = 0

    def advance(self, documents: int) -> None:
        """Count documents; wait as the coordinator says, or stop."""
        self.looked_at += documents
        if self.orders is not None:
            self.orders.wait(documents)
        self._stop_if_needed(LOCK_MAX_AGE)

    def check(self) -> None:
        """Stop here if the coordinator says so, or has lost the lock on the index.

        Raises:
            StopRequested: to stop.
            LockLost: the coordinator has ended, or does not hold the lock any more.
        """
        if self.orders is not None:
            self.orders.look()
        self._stop_if_needed(0)
