"""The run as the engine carries it out: what implements :class:`fieldfare.hooks.run.Run`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from attrs import Factory, define, field

from fieldfare.documents import Batch
from fieldfare.engine.distribution.pool import WorkerPool
from fieldfare.engine.filling import TargetFilling
from fieldfare.engine.load import Restriction, Throttle
from fieldfare.engine.recorded_run import RecordedRun
from fieldfare.engine.rewrite_pass import rewrite_pass
from fieldfare.engine.stop import StopRequest, StopRequested
from fieldfare.engine.transformation import transformed, transformed_back
from fieldfare.errors import BackupUnusable, FieldfareError, InvalidHookResult
from fieldfare.plan import Step
from fieldfare.server.change_follower import ChangeFollower
from fieldfare.server.change_tracking import ChangeTracking
from fieldfare.server.document_reader import read_bounded_batches
from fieldfare.server.followed_lock import FollowedLock
from fieldfare.server.lock import IndexLock
from fieldfare.support.error_text import describe_result

__all__ = ["ActiveRun"]

MOVE_KEYS: Final = "fieldfare_move_keys"

Value = TypeVar("Value")

LOCK_MAX_AGE: Final = 0.1
"""Seconds after which progress asks the server again whether this process holds the lock."""


def _throttle(run: ActiveRun) -> Throttle:
    return Throttle(
        run.server,
        run.options,
        run.stop,
        run.store.prefix if run.has_backup else None,
        check=lambda: run._stop_if_needed(LOCK_MAX_AGE),  # noqa: SLF001 - what it is made of
        on_pause=run.report_stall,
        on_wait=lambda seconds: run.add_time("throttled", seconds),
        on_latency=run.add_latency,
    )


@define
class ActiveRun(RecordedRun):
    """One migration, its rollback or its validation, at work: it goes through documents, and stops between batches.

    What hooks may use is documented in :class:`fieldfare.hooks.run.Run`; everything else is the engine's own.

    Attributes:
        stop: looked at after each batch.
        lock: the lock of the index; None for a validation. A worker follows that of its coordinator.
        pool: the workers in other processes; None if threads of this process work on shards.
        tracking: which keys others have changed since before the dump; None if that is not known.
        filling: a target that the writes of the rewrite pass fill; None if there is none.
        follower: which keys anybody changes while shadow fields are kept equal to their originals; None at other times.
    """

    stop: StopRequest = field(factory=StopRequest)
    lock: IndexLock | FollowedLock | None = None
    pool: WorkerPool | None = None
    tracking: ChangeTracking | None = field(init=False, default=None)
    filling: TargetFilling | None = field(init=False, default=None)
    follower: ChangeFollower | None = field(init=False, default=None)
    _throttle: Throttle = field(init=False, default=Factory(_throttle, takes_self=True), eq=False, repr=False)
    _executed: Step | None = field(init=False, default=None)
    _halted: bool = field(init=False, default=False)
    _results: dict[str, Any] | None = field(init=False, default=None, eq=False, repr=False)

    # ---- batches

    def keys(self, step: Step) -> Iterator[tuple[bytes, ...]]:
        """Yield the captured keys from where this step stopped."""
        return self.store.iter_keys(self._completed_batches(step))

    def keys_with_originals(self, step: Step) -> Iterator[tuple[tuple[bytes, ...], Batch]]:
        """Yield the keys from where this step stopped, with what was saved for each batch."""
        saved, batches = self.store.count(step.id), self.store.key_batches
        if saved != batches:
            raise BackupUnusable(self.store.prefix, f"it has {saved} of {batches} batches of {step.id}")
        originals = self.store.iter_batches(step.id, self._completed_batches(step))
        yield from zip(self.keys(step), originals, strict=True)

    def done(self, batch: Sequence[bytes] | Batch) -> None:
        """Record that a batch of the current step is complete."""
        if self._executed is not None:
            step = self._executed.id
            self.journal.advance([step], self.journal.progress.steps[step].completed_batches + 1)
        self.advance(len(batch))

    @contextmanager
    def executing(self, step: Step) -> Iterator[None]:
        """Count the batches of a step that are done in the body."""
        self._executed = step
        try:
            yield
        finally:
            self._executed = None

    def documents(self, paths: Sequence[str]) -> Iterator[Batch]:
        """Yield the captured documents as they are now, with these fields."""
        for batch, _ in read_bounded_batches(self.server, self.source.storage, self.captured_keys(), list(paths)):
            yield batch

    def save(self, step: Step, batch: Batch, *, report: bool = True) -> None:
        """Write originals of a step to the backup."""
        self.store.append(step.id, batch)
        if report:
            self.advance(len(batch))

    def transformed(self, batch: Batch) -> Batch:
        """Return what the plan's rewrite steps make of originals."""
        return transformed(self.plugins, self.source.storage, rewrite_pass(self.plan).steps, batch)

    def transformed_back(self, batch: Batch) -> Batch:
        """Return values in the old form, from those in the new form under the paths of originals; None if unknown."""
        return transformed_back(self.plugins, self.source.storage, rewrite_pass(self.plan).steps, batch)

    @contextmanager
    def validating(self) -> Iterator[None]:
        """Keep what :meth:`once` computes during the body."""
        self._results = {}
        try:
            yield
        finally:
            self._results = None

    def once(self, name: str, compute: Callable[[], Value]) -> Value:
        """Return what ``compute`` returns; during a validation it is called once for each name."""
        if self._results is None:
            return compute()
        if name not in self._results:
            self._results[name] = compute()
        found: Value = self._results[name]
        return found

    def implementers(self, hook: str) -> tuple[str, ...]:
        """Return the names of the plugins that implement a hook."""
        return self.plugins.implementers(hook)

    def move_keys(self, pairs: Sequence[tuple[bytes, bytes]]) -> Sequence[bool]:
        """Rename keys through the hook ``fieldfare_move_keys``."""
        answer = self.plugins.call_first(MOVE_KEYS, pairs=pairs, run=self)
        if answer is None:
            raise FieldfareError("no plugin can move keys between the slots of a cluster; the plugin 'cluster' does")
        if not isinstance(answer, (list, tuple)) or len(answer) != len(pairs):
            names = ", ".join(self.implementers(MOVE_KEYS))
            raise InvalidHookResult(names, MOVE_KEYS, f"it returned {describe_result(answer)} for {len(pairs)} keys")
        return answer

    # ---- progress, limits, stopping

    def advance(self, documents: int) -> None:
        """Report progress of the current activity; between batches, stop if the user asked, and wait if limits ask."""
        self.report_done(documents)
        with self.guard:
            if self._reports.current is not None:
                if self._journal is not None:
                    self._journal.add_documents(self._reports.current.activity, documents)
                self._throttle.wait(self._reports.current, documents)

    def advance_workers(self, documents: int, throttled: float) -> None:
        """Report what workers in other processes have done, who have waited as limits asked.

        Args:
            documents: how many they have looked at since.
            throttled: seconds for which each of them waited, on average.
        """
        self.report_done(documents)
        if self._reports.current is not None:
            self.journal.add_documents(self._reports.current.activity, documents)
        if throttled:
            self.add_time("throttled", throttled)

    def restriction(self) -> Restriction:
        """Return how fast workers in other processes may work now; stop if the user asked.

        Raises:
            StopRequested: the user asked to stop.
            LockHeld: the lock on the index was lost.
        """
        self._stop_if_needed(LOCK_MAX_AGE)
        return Restriction() if self._reports.current is None else self._throttle.watch(self._reports.current)

    def report_done(self, documents: int) -> None:
        """Report progress that an earlier attempt made: as :meth:`advance`, but it is not to be waited for."""
        with self.guard:
            self._reports.advance(documents)
            self._stop_if_needed(LOCK_MAX_AGE)

    def check(self) -> None:
        """Stop here if the user asked, if the lock was lost, or if another worker stopped.

        Raises:
            StopRequested: the user asked to stop, or another worker stopped.
            LockHeld: the lock on the index was lost.
        """
        self._stop_if_needed(0)

    def _stop_if_needed(self, lock_max_age: float) -> None:
        if self.tracking is not None:
            self.tracking.collect()
        if self.follower is not None:
            self.follower.collect()
        if self.lock is not None:
            self.lock.check(lock_max_age)
        if self._halted or self.stop.is_set:
            raise StopRequested

    def halt(self) -> None:
        """Stop every worker after its batch, because one of them stopped."""
        self._halted = True

    def resume_after_reconnect(self) -> None:
        """Resume after the server was away.

        Raises:
            LockHeld: another migration has taken the index in the meantime.
            redis.exceptions.RedisError: the server is still away.
        """
        self._halted = False
        if self.lock is not None:
            self.lock.renew()

    def _completed_batches(self, step: Step) -> int:
        record = self.journal.record(step.id)
        return record.completed_batches if record and self._executed == step else 0
