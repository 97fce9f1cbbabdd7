"""The run: what a step gets to work with."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from fieldfare.definition import IndexDefinition
from fieldfare.documents import Batch, Note
from fieldfare.engine.options import Options
from fieldfare.engine.stop import StopRequest
from fieldfare.errors import BackupUnusable
from fieldfare.faults import during
from fieldfare.plan import MigrationPlan, Step
from fieldfare.report import Moment, StepReport

if TYPE_CHECKING:  # plugins import this module for their annotations, so it must load fast
    from fieldfare.backup import BackupStore
    from fieldfare.journal import Journal
    from fieldfare.plugins import Plugins
    from fieldfare.server import Server
    from fieldfare.server.lock import IndexLock

__all__ = ["Run", "StopRequested"]


class StopRequested(BaseException):
    """Somebody asked to stop; raised between two batches, through the plugin that works on them."""


@define
class Run:
    """One migration, as hooks see it.

    Attributes:
        server: the server, with bulk reads and writes.
        plan: what is carried out.
        plugins: who carries it out.
        options: what the user chose.
        stop: looked at after each batch.
        guard: held while notes, progress and reports change, for several workers may change them.
    """

    server: Server
    plan: MigrationPlan
    plugins: Plugins
    options: Options = field(factory=Options)
    stop: StopRequest = field(factory=StopRequest)
    _journal: Journal | None = None
    _store: BackupStore | None = None
    _lock: IndexLock | None = None
    _step: Step | None = None
    _activity: StepReport | None = None
    _started: float = 0.0
    _halted: bool = field(init=False, default=False)
    guard: AbstractContextManager[bool] = field(init=False, factory=threading.RLock, eq=False, repr=False)

    @property
    def redis(self) -> Any:
        """redis-py's client: ``redis.Redis`` or ``redis.cluster.RedisCluster``; replies are bytes."""
        return self.server.client

    @property
    def source(self) -> IndexDefinition:
        """The definition before the migration."""
        return self.plan.source.definition

    @property
    def target(self) -> IndexDefinition:
        """The definition after the migration."""
        return self.plan.target

    @property
    def journal(self) -> Journal:
        """The record of this run.

        Raises:
            BackupUnusable: nothing is run here, only looked at (``fieldfare validate``).
        """
        if self._journal is None:
            raise BackupUnusable(".", "validation runs without a backup")
        return self._journal

    @property
    def store(self) -> BackupStore:
        """Captured keys and originals.

        Raises:
            BackupUnusable: as for ``journal``.
        """
        if self._store is None:
            raise BackupUnusable(".", "validation runs without a backup")
        return self._store

    @property
    def has_backup(self) -> bool:
        """Whether there are a journal and a backup: not on ``fieldfare validate``."""
        return self._store is not None

    # ---- batches, for steps that do their own work

    def keys(self, step: Step) -> Iterator[tuple[bytes, ...]]:
        """Yield the captured keys of the index, a batch at a time, from where this step stopped.

        Keys are those that documents had when the run started. While the step is executed, call :meth:`done`
        after each batch; in all other hooks every key is given.
        """
        record = self.journal.record(step.id)
        yield from self.store.iter_keys(record.completed_batches if record and self._step == step else 0)

    def done(self, batch: Sequence[bytes] | Batch) -> None:
        """Record that a batch of the current step is through.

        Raises:
            StopRequested: the user asked to stop; the batch is recorded.
            LockHeld: the lock on the index was lost.
        """
        if self._step is not None:
            record = self.journal.progress.steps[self._step.id]
            self.journal.advance([self._step.id], record.completed_batches + 1)
        self.advance(len(batch))

    @contextmanager
    def executing(self, step: Step) -> Iterator[None]:
        """Count the batches of a step that are done inside; the engine says so, not a plugin."""
        self._step = step
        try:
            yield
        finally:
            self._step = None

    def documents(self, paths: Sequence[str]) -> Iterator[Batch]:
        """Yield the captured documents of the index as they are now, with these fields."""
        from fieldfare.server.documents import read_batches  # noqa: PLC0415 - start-up time

        for batch, _ in read_batches(self.server, self.source.storage, self.store.iter_keys(), list(paths)):
            yield batch

    def save(self, step: Step, batch: Batch) -> None:
        """Write originals of a step to the backup; durable before anything is changed."""
        self.store.append(step.id, batch)
        self.advance(len(batch))

    def originals(self, step: Step) -> Iterator[Batch]:
        """Yield what was saved for a step; for a rewrite step, all that the plan's rewrite steps overwrite."""
        from fieldfare.backup import REWRITE  # noqa: PLC0415 - start-up time

        return self.store.iter_batches(REWRITE if step.transforms else step.id)

    def transformed(self, batch: Batch) -> Batch:
        """Return what the plan's rewrite steps make of originals; a batch with the fields of all of them."""
        from fieldfare.engine.rewrite_pass import rewrite_pass, transform  # noqa: PLC0415 - it imports this module

        return transform(self, rewrite_pass(self.plan), batch)

    # ---- notes and reports

    def note(self, notes: Sequence[Note]) -> None:
        """Remember what turned up in documents; notes of one kind and field are added up."""
        with self.guard:
            merged = {(note.kind, note.field): note for note in self.journal.progress.notes}
            for note in notes:
                earlier = merged.get((note.kind, note.field))
                merged[note.kind, note.field] = earlier.merged(note) if earlier else note
            self.journal.progress = evolve(self.journal.progress, notes=tuple(merged.values()))

    @contextmanager
    def activity(self, name: str, title: str, *, step: str = "", total: int = 0) -> Iterator[None]:
        """Report and time what goes on inside."""
        outer, outer_started = self._activity, self._started
        self._started = time.monotonic()
        self._activity = StepReport(self.plan.index, name, Moment.STARTED, step, title, 0, total)
        self._tell(self._activity)
        try:
            with during(name):
                yield
        except BaseException as error:
            reason = str(error) or (type(error).__name__ if isinstance(error, Exception) else "interrupted")
            self._tell(evolve(self._activity, moment=Moment.FAILED, error=reason, seconds=self._seconds()))
            raise
        else:
            done = max(self._activity.documents_done, total)
            self._tell(evolve(self._activity, moment=Moment.FINISHED, documents_done=done, seconds=self._seconds()))
        finally:
            if self._journal is not None:
                self.time(name, self._seconds())
            self._activity, self._started = outer, outer_started

    def time(self, name: str, seconds: float) -> None:
        """Add seconds to an activity's time, over all attempts of the run."""
        progress = self.journal.progress
        timings = {**progress.timings, name: progress.timings.get(name, 0.0) + seconds}
        self.journal.progress = evolve(progress, timings=timings)

    def advance(self, documents: int) -> None:
        """Report progress of the current activity, and stop between batches if somebody asked.

        Raises:
            StopRequested: the user asked to stop.
            LockHeld: the lock on the index was lost.
        """
        with self.guard:
            if self._activity is not None:
                self._activity = evolve(
                    self._activity,
                    moment=Moment.PROGRESS,
                    documents_done=self._activity.documents_done + documents,
                    seconds=self._seconds(),
                )
                self._tell(self._activity)
            self.check()

    def check(self) -> None:
        """Stop here if somebody asked, if the lock was lost, or if another worker stopped."""
        if self._lock is not None:
            self._lock.check()
        if self._halted or self.stop.is_set:
            raise StopRequested

    def halt(self) -> None:
        """Stop every worker after its batch, because one of them stopped."""
        self._halted = True

    def take_up_again(self) -> None:
        """Go on after the server was away.

        Raises:
            LockHeld: somebody else has taken the index meanwhile.
            redis.exceptions.RedisError: the server is still away.
        """
        self._halted = False
        if self._lock is not None:
            self._lock.renew()

    def skipped(self, step: Step) -> None:
        """Report a step that an earlier run has done."""
        self._tell(StepReport(self.plan.index, step.kind, Moment.SKIPPED, step.id, step.summary))

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _tell(self, report: StepReport) -> None:
        for name in self.plugins.implementers("fieldfare_step_report"):
            try:
                self.plugins.ask(name, "fieldfare_step_report", report=report)
            except Exception:  # noqa: BLE001 - an observer never fails a step
                import structlog  # noqa: PLC0415 - start-up time

                structlog.get_logger("fieldfare").warning("observer_failed", plugin=name, exc_info=True)
