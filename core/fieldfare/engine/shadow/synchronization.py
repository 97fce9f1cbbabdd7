"""Keeping shadow fields and copies equal to their originals, for as long as somebody wants."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import Factory, define, field

from fieldfare.engine.load.state import RunState, state_interval, write_state
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow.convergence import synchronization_of
from fieldfare.engine.shadow.sync_progress import SyncProgress
from fieldfare.engine.shadow_pairs.synchronization import Synchronization
from fieldfare.report import Finding, Severity
from fieldfare.server.process import this_process
from fieldfare.support.interval import Interval

__all__ = ["Synchronizer"]

LOOK_SECONDS: Final = 0.2
"""How often a watch that has nothing to do looks whether it is to stop."""

LAG_SECONDS: Final = 0.5
"""How often observers are told how far a watch is behind."""

PAUSE_SECONDS: Final = 1.0
"""The pause between two passes over all documents where the server cannot tell what is changed."""


def _state_interval(synchronizer: Synchronizer) -> Interval:
    return state_interval(synchronizer.run.store.prefix)


@define
class Synchronizer:
    """Converts what applications write to originals.

    Attributes:
        run: with a target.
        progress: how far it is.
        on_lag: called a few times per second during a watch, with the number of changed keys that are not checked yet,
            and the seconds since the server reported the first of them.
    """

    run: ActiveRun
    progress: SyncProgress = field(factory=SyncProgress)
    on_lag: Callable[[int, float], None] = lambda _keys, _seconds: None
    _told_at: float = field(init=False, default=-math.inf)
    _shown: Interval = field(init=False, default=Factory(_state_interval, takes_self=True))
    _done: Synchronization[Any] | None = field(init=False, default=None)

    def pass_once(self) -> None:
        """Compare every document once."""
        self._compare_every(self._next(remembers=False))

    def watch(self) -> None:
        """Compare every document once, and then convert what is changed, until the run is to stop.

        Raises:
            StopRequested: always, at the end.
        """
        run = self.run
        while True:
            synchronization = self._next(remembers=True)
            with synchronization.start_follower() as follower:
                self.progress.is_following = follower.is_reliable
                self._compare_every(synchronization)
                while follower.is_reliable:
                    run.check()
                    keys = follower.wait(LOOK_SECONDS)
                    if keys is None:
                        break
                    with self.progress.catching_up(len(keys)):
                        self._show_lag()
                        synchronization.follow_changes(keys)
                        self._count(synchronization)
                    self._show_lag()
                self.progress.is_following = False
            if run.stop.wait(PAUSE_SECONDS):
                run.check()

    def findings(self) -> Sequence[Finding]:
        """Return how many documents were converted, and how many applications have written in the new form."""
        if self._done is not None:
            return [self._done.finding()]
        return [Finding("sync", passed=True, severity=Severity.INFO, detail="no document was compared")]

    def note_contended(self) -> None:
        """Note the documents that are not converted, because applications updated them faster."""
        if self._done is not None:
            self._done.note_contended()

    def _next(self, *, remembers: bool) -> Synchronization[Any]:
        """Return a synchronization that counts on."""
        former, current = self._done, synchronization_of(self.run, remembers=remembers)
        if former is not None:
            current.converted, current.left_alone = former.converted, former.left_alone
        self._done = current
        return current

    def _compare_every(self, synchronization: Synchronization[Any]) -> None:
        synchronization.compare_every()
        self.progress.passes += 1
        self._count(synchronization)

    def _count(self, done: Synchronization[Any]) -> None:
        """Take the figures of what was done."""
        self.progress.converted, self.progress.left_alone = done.converted.count, done.left_alone.count

    def _show_lag(self) -> None:
        """Tell observers how far behind this is, and write it where ``status`` looks for it."""
        keys, seconds = self.progress.lag_keys, self.progress.lag_seconds
        if (now := time.monotonic()) - self._told_at >= LAG_SECONDS:
            self._told_at = now
            self.on_lag(keys, seconds)
        if self._shown.is_due:
            with self._shown.doing():
                state = RunState(this_process(), "sync", lag_keys=keys, lag_seconds=seconds)
                write_state(self.run.store.prefix, state)
