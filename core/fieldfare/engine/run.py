"""The run as the engine carries it out: what implements :class:`fieldfare.hooks.run.Run`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, TypeVar

from attrs import Factory, define, evolve, field
from redis import Redis, RedisCluster

from fieldfare.backup import CONCURRENT_INSERTS, CONCURRENT_UPDATES, REWRITE, BackupStore
from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RollbackStatus, RunPhase, Status
from fieldfare.backup.saved_bytes import append_bytes, read_bytes
from fieldfare.definition import IndexDefinition, IndexStats
from fieldfare.documents import Batch, Note
from fieldfare.engine.load import Throttle
from fieldfare.engine.rewrite_pass import rewrite_pass
from fieldfare.engine.step_reports import StepReporter
from fieldfare.engine.stop import StopRequest, StopRequested
from fieldfare.engine.transformation import transformed, transformed_back
from fieldfare.errors import BackupUnusable, FieldfareError, InvalidHookResult
from fieldfare.hooks.manager import Plugins
from fieldfare.hooks.run_options import RunOptions
from fieldfare.plan import MigrationPlan, Receipt, Step
from fieldfare.report import Finding, StepReport
from fieldfare.server import Server
from fieldfare.server.change_follower import ChangeFollower
from fieldfare.server.change_tracking import ChangeTracking
from fieldfare.server.document_reader import read_bounded_batches
from fieldfare.server.lock import IndexLock
from fieldfare.support.error_text import describe_result

__all__ = ["ActiveRun"]

MOVE_KEYS: Final = "fieldfare_move_keys"

Value = TypeVar("Value")

LOCK_MAX_AGE: Final = 0.1
"""Seconds after which progress asks the server again whether this process holds the lock."""


def _reporter(run: ActiveRun) -> StepReporter:
    return StepReporter(
        run.plugins,
        run.plan.index,
        run.end_activity,
        lambda: run.journal.unavailable_since if run.has_backup else None,
        lambda: run.journal.progress.timings.get("throttled", 0.0) if run.has_backup else 0.0,
    )


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
class ActiveRun:
    """One migration, its rollback or its validation.

    What hooks may use is documented in :class:`fieldfare.hooks.run.Run`; everything else is the engine's own.

    Attributes:
        server: the server, with bulk reads and writes.
        plan: what is carried out.
        plugins: who carries it out.
        options: what the user chose.
        stop: looked at after each batch.
        lock: the lock of the index; None for a validation.
        tracking: which keys others have changed since before the dump; None if that is not known.
        follower: which keys anybody changes while shadow fields are kept equal to their originals; None at other times.
        findings: from the check of a target while the source still answers.
        guard: held while notes, progress and reports change, for several workers may change them.
    """

    server: Server
    plan: MigrationPlan
    plugins: Plugins
    options: RunOptions = field(factory=RunOptions)
    stop: StopRequest = field(factory=StopRequest)
    _journal: Journal | None = None
    _store: BackupStore | None = None
    lock: IndexLock | None = None
    tracking: ChangeTracking | None = field(init=False, default=None)
    follower: ChangeFollower | None = field(init=False, default=None)
    findings: tuple[Finding, ...] = field(init=False, default=(), eq=False)
    guard: AbstractContextManager[bool] = field(init=False, factory=threading.RLock, eq=False, repr=False)
    _reports: StepReporter = field(init=False, default=Factory(_reporter, takes_self=True), eq=False, repr=False)
    _throttle: Throttle = field(init=False, default=Factory(_throttle, takes_self=True), eq=False, repr=False)
    _executed: Step | None = field(init=False, default=None)
    _halted: bool = field(init=False, default=False)
    _results: dict[str, Any] | None = field(init=False, default=None, eq=False, repr=False)

    @property
    def redis(self) -> Redis | RedisCluster:
        """redis-py's client."""
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
    def source_stats(self) -> IndexStats:
        """Figures of the source index."""
        return self.journal.progress.source_stats if self.has_backup else self.plan.source.stats

    @property
    def journal(self) -> Journal:
        """The record of this run.

        Raises:
            BackupUnusable: this is a validation without a backup.
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
        """Whether there are a journal and a backup."""
        return self._store is not None

    @property
    def plan_fingerprint(self) -> str:
        """The SHA-256 that names the plan."""
        return self.journal.fingerprint

    @property
    def document_count(self) -> int:
        """How many keys were captured."""
        return self.journal.progress.documents

    @property
    def rollback_started(self) -> bool:
        """Whether a rollback of this run was started, or is complete."""
        return self.journal.progress.undo is not RollbackStatus.NONE

    @property
    def notes(self) -> tuple[Note, ...]:
        """What turned up in documents so far."""
        return self.journal.progress.notes

    def receipt(self, step: Step) -> Receipt | None:
        """Return what executing a step returned; None while it is not done."""
        record = self.journal.record(step.id)
        return record.receipt if record and record.status is Status.DONE else None

    # ---- batches

    def captured_keys(self) -> Iterator[tuple[bytes, ...]]:
        """Yield all captured keys, a batch at a time."""
        return self.store.iter_keys()

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

    def save_bytes(self, step: Step, name: str, data: bytes) -> None:
        """Write an original that is not a document to the backup, durably; the first one under a name stays."""
        with self.guard:
            if self.saved_bytes(step, name) is None:
                append_bytes(self.store, step.id, name, data)
                if self.journal.progress.phase is not RunPhase.DUMP:  # until then, the barrier does it
                    self.store.sync()

    def saved_bytes(self, step: Step, name: str) -> bytes | None:
        """Return what was saved under a name; None if nothing was."""
        return read_bytes(self.store, step.id, name)

    def originals(self, step: Step) -> Iterator[Batch]:
        """Yield what was saved for a step."""
        return self.store.iter_batches(REWRITE if step.transforms else step.id)

    def transformed(self, batch: Batch) -> Batch:
        """Return what the plan's rewrite steps make of originals."""
        return transformed(self.plugins, self.source.storage, rewrite_pass(self.plan).steps, batch)

    def transformed_back(self, batch: Batch) -> Batch:
        """Return values in the old form, from those in the new form under the paths of originals; None if unknown."""
        return transformed_back(self.plugins, self.source.storage, rewrite_pass(self.plan).steps, batch)

    def concurrent_updates(self) -> Iterator[Batch]:
        """Yield what was written to captured documents after the dump, and saved."""
        return self.store.iter_batches(CONCURRENT_UPDATES)

    def concurrent_inserts(self) -> Iterator[Batch]:
        """Yield the originals of documents that were added after the dump, and converted."""
        return self.store.iter_batches(CONCURRENT_INSERTS)

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

    # ---- notes, reports, timings

    def note(self, notes: Sequence[Note]) -> None:
        """Add notes; those of one kind and field are added up."""
        with self.guard:
            merged = {(note.kind, note.field): note for note in self.notes}
            for note in notes:
                known = merged.get((note.kind, note.field))
                merged[note.kind, note.field] = known.merged(note) if known else note
            self.set_notes(tuple(merged.values()))

    def set_notes(self, notes: tuple[Note, ...]) -> None:
        """Replace all notes."""
        self.journal.progress = evolve(self.journal.progress, notes=notes)

    def warn(self, warning: str) -> None:
        """Add a warning to the report; the same one is added once."""
        with self.guard:
            self.journal.progress = evolve(
                self.journal.progress, warnings=tuple(dict.fromkeys((*self.journal.progress.warnings, warning)))
            )

    def activity(self, name: str, title: str, *, step: str = "", total: int = 0) -> AbstractContextManager[None]:
        """Report and time what is done in the body."""
        return self._reports.activity(name, title, step, total)

    def skipped(self, step: Step) -> None:
        """Report a step that an earlier run has done."""
        self._reports.skipped(step.kind, step.id, step.summary)

    def add_time(self, activity: str, seconds: float) -> None:
        """Add seconds to an activity's time, over all attempts of the run."""
        if self._journal is not None:
            self._journal.add_time(activity, seconds)

    def end_activity(self, ended: StepReport, seconds: float) -> None:
        """Record an activity that ended: its time, and its place in the timeline."""
        if self._journal is not None:
            self._journal.add_activity(ended.activity, ended.title, seconds)

    def add_latency(self, milliseconds: float) -> None:
        """Record how long the server took to answer another connection."""
        if self._journal is not None:
            self._journal.add_latency(milliseconds)

    def report_stall(self, state: str) -> None:
        """Report that the current activity makes no progress, with what was seen."""
        self._reports.stalled(state)

    # ---- stopping

    def advance(self, documents: int) -> None:
        """Report progress of the current activity; between batches, stop if the user asked, and wait if limits ask."""
        self.report_done(documents)
        with self.guard:
            if self._reports.current is not None:
                if self._journal is not None:
                    self._journal.add_documents(self._reports.current.activity, documents)
                self._throttle.wait(self._reports.current, documents)

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
