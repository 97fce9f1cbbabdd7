"""Keeping shadow fields equal to their originals, before the switch and after it, for as long as somebody wants."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from attrs import define, field

from fieldfare.engine.copied_keys import copies_keys
from fieldfare.engine.load.state import RunState, write_state
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow.fields import switch_has_begun
from fieldfare.engine.shadow.keys import compare_copies
from fieldfare.engine.shadow.sync_progress import SyncProgress
from fieldfare.engine.shadow_fields.fill import convert_changes, convert_every, covered
from fieldfare.engine.shadow_fields.synchronization import Synchronization
from fieldfare.engine.shadow_keys.synchronization import KeySynchronization, followed_prefixes
from fieldfare.report import Finding, Severity
from fieldfare.server.change_follower import ChangeFollower
from fieldfare.server.process import this_process

__all__ = ["Synchronizer"]

LOOK_SECONDS: Final = 0.2
"""How often a watch that has nothing to do looks whether it is to stop."""

STATE_SECONDS: Final = 0.5
"""How often the state for ``status`` is written."""

PAUSE_SECONDS: Final = 1.0
"""The pause between two passes over all documents where the server cannot tell what is changed."""


@define
class Synchronizer:
    """Converts what applications write to originals.

    Attributes:
        run: with a target.
        progress: how far it is.
        on_lag: called a few times per second while it watches: keys that are not looked at yet, and since how many
            seconds the server has told of the first of them.
    """

    run: ActiveRun
    progress: SyncProgress = field(factory=SyncProgress)
    on_lag: Callable[[int, float], None] = lambda _keys, _seconds: None
    _written_at: float = field(init=False, default=-math.inf)
    _after_switch: Synchronization | KeySynchronization | None = field(init=False, default=None)

    def pass_once(self) -> None:
        """Compare every document once."""
        self._compare_every(remembers=False)

    def watch(self) -> None:
        """Compare every document once, and then convert what is changed, until the run is to stop.

        Raises:
            StopRequested: always, at the end.
        """
        run = self.run
        while True:
            prefixes = followed_prefixes(run) if copies_keys(run.plan) else run.target.prefixes
            with ChangeFollower.start(run.server, run.target.name, prefixes) as follower:
                self.progress.is_following = follower.is_reliable
                change = self._compare_every(remembers=True)
                while follower.is_reliable:
                    run.check()
                    keys = follower.wait(LOOK_SECONDS)
                    if keys is None:
                        break
                    with self.progress.catching_up(len(keys)):
                        self._show_lag()
                        self._convert(sorted(keys if copies_keys(run.plan) else covered(run, keys)), change)
                        self._count()
                    self._show_lag()
                self.progress.is_following = False
            if run.stop.wait(PAUSE_SECONDS):
                run.check()

    def findings(self) -> Sequence[Finding]:
        """Return how many documents were converted, and how many applications have written in the new form."""
        done = self._after_switch
        if isinstance(done, KeySynchronization):
            detail = f"copied to their new keys: {done.copied}; new keys written by applications, left alone: "
            data = {"converted": done.copied.count, "left_alone": done.left_alone.count}
            detail += str(done.left_alone)
            return [Finding("sync", passed=True, severity=Severity.INFO, detail=detail, data=data)]
        if done is None:
            return [Finding("sync", passed=True, severity=Severity.INFO, detail="the names lead to the source still")]
        detail = f"converted: {done.converted}; written in the new form by applications, left alone: {done.left_alone}"
        data = {"converted": done.converted.count, "left_alone": done.left_alone.count}
        return [Finding("sync", passed=True, severity=Severity.INFO, detail=detail, data=data)]

    def restore_copies(self) -> None:
        """Make copies again that are missing because the server has lost them, and compare all others."""
        run = self.run
        is_switched = switch_has_begun(run)
        compare_copies(run, KeySynchronization(run, is_switched=is_switched, may_lack_copies=True), "sync")

    def _compare_every(self, *, remembers: bool) -> Callable[[Sequence[bytes]], object]:
        """Compare every document, and return what converts further ones."""
        change = self._compared(remembers=remembers)
        self.progress.passes += 1
        self._count()
        return change

    def _compared(self, *, remembers: bool) -> Callable[[Sequence[bytes]], object]:
        if copies_keys(self.run.plan):
            return self._compare_copies(remembers=remembers)
        if not switch_has_begun(self.run):
            convert_every(self.run)
            return partial(convert_changes, self.run)
        former, self._after_switch = self._after_switch, Synchronization(self.run, remembers=remembers)
        if isinstance(former, Synchronization):
            self._after_switch.converted, self._after_switch.left_alone = former.converted, former.left_alone
        self._after_switch.compare_every()
        return self._after_switch.convert_changes

    def _compare_copies(self, *, remembers: bool) -> Callable[[Sequence[bytes]], object]:
        """Compare every copy, and return what copies further documents."""
        is_switched = switch_has_begun(self.run)
        former, current = self._after_switch, KeySynchronization(self.run, is_switched=is_switched, remembers=remembers)
        if isinstance(former, KeySynchronization):
            current.copied, current.left_alone = former.copied, former.left_alone
        self._after_switch = current
        compare_copies(self.run, current, "sync")
        return current.follow

    def _count(self) -> None:
        """Take the figures of what was done."""
        done, progress = self._after_switch, self.progress
        if isinstance(done, KeySynchronization):
            progress.converted, progress.left_alone = done.copied.count, done.left_alone.count
        elif done is not None:
            progress.converted, progress.left_alone = done.converted.count, done.left_alone.count

    def _show_lag(self) -> None:
        """Write how far behind this is where ``status`` looks for it, a few times per second."""
        if (now := time.monotonic()) - self._written_at < STATE_SECONDS:
            return
        self._written_at = now
        keys, seconds = self.progress.lag_keys, self.progress.lag_seconds
        write_state(self.run.store.prefix, RunState(this_process(), "sync", lag_keys=keys, lag_seconds=seconds))
        self.on_lag(keys, seconds)

    def _convert(self, keys: Sequence[bytes], change: Callable[[Sequence[bytes]], object]) -> None:
        size = self.run.options.batch_size
        for start in range(0, len(keys), size):
            change(keys[start : start + size])
