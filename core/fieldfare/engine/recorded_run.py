"""What a run knows and records: its plan, its journal, its backup, its notes and reports."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from attrs import Factory, define, evolve, field
from redis import Redis, RedisCluster

from fieldfare.backup import CONCURRENT_INSERTS, CONCURRENT_UPDATES, REWRITE, BackupStore
from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RollbackStatus, RunPhase, Status
from fieldfare.backup.saved_bytes import append_bytes, read_bytes
from fieldfare.definition import IndexDefinition, IndexStats
from fieldfare.documents import Batch, Note
from fieldfare.engine.step_reports import StepReporter
from fieldfare.errors import BackupUnusable
from fieldfare.hooks.manager import Plugins
from fieldfare.hooks.run_options import RunOptions
from fieldfare.plan import MigrationPlan, Receipt, Step
from fieldfare.report import Finding, ShardMoment, StepReport
from fieldfare.server import Server

__all__ = ["RecordedRun"]


def _reporter(run: RecordedRun) -> StepReporter:
    return StepReporter(
        run.plugins,
        run.plan.index,
        run.end_activity,
        lambda: run.journal.unavailable_since if run.has_backup else None,
        lambda: run.journal.progress.timings.get("throttled", 0.0) if run.has_backup else 0.0,
    )


@define
class RecordedRun:
    """What is known of one migration, its rollback or its validation, and what is recorded of it.

    Nothing here goes through the documents of the server, waits or stops: :class:`fieldfare.engine.run.ActiveRun` does.

    Attributes:
        server: the server, with bulk reads and writes.
        plan: what is carried out.
        plugins: who carries it out.
        options: what the user chose.
        findings: from the check of a target while the source still answers.
        guard: held while notes, progress and reports change, for several workers may change them.
    """

    server: Server
    plan: MigrationPlan
    plugins: Plugins
    options: RunOptions = field(factory=RunOptions)
    _journal: Journal | None = None
    _store: BackupStore | None = None
    findings: tuple[Finding, ...] = field(init=False, default=(), eq=False)
    guard: AbstractContextManager[bool] = field(init=False, factory=threading.RLock, eq=False, repr=False)
    _reports: StepReporter = field(init=False, default=Factory(_reporter, takes_self=True), eq=False, repr=False)

    # ---- plan, journal, backup

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

    # ---- keys and originals in the backup

    def captured_keys(self) -> Iterator[tuple[bytes, ...]]:
        """Yield all captured keys, a batch at a time."""
        return self.store.iter_keys()

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

    def concurrent_updates(self) -> Iterator[Batch]:
        """Yield what was written to captured documents after the dump, and saved."""
        return self.store.iter_batches(CONCURRENT_UPDATES)

    def concurrent_inserts(self) -> Iterator[Batch]:
        """Yield the originals of documents that were added after the dump, and converted."""
        return self.store.iter_batches(CONCURRENT_INSERTS)

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

    def report_shard(self, number: int, moment: ShardMoment, **facts: Any) -> None:
        """Report how an attempt of a worker in another process at a shard ended."""
        self._reports.shard(number, moment, **facts)

    def report_stall(self, state: str) -> None:
        """Report that the current activity makes no progress, with what was seen."""
        self._reports.stalled(state)
