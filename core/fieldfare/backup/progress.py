"""How far a run got: what a journal holds besides the plan. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import evolve, field, frozen

from fieldfare.definition import IndexStats
from fieldfare.documents import Note
from fieldfare.plan import Receipt
from fieldfare.report.latency import LatencyHistogram
from fieldfare.report.timeline import Timeline

__all__ = [
    "ApplyChoices",
    "Progress",
    "RaisedWorkers",
    "RollbackStatus",
    "RunPhase",
    "SelfQueryBaseline",
    "Status",
    "StepRecord",
]


class RunPhase(StrEnum):
    """How far a run got. Members stand in order."""

    DUMP = "dump"
    READY = "ready"
    INDEX_DROPPED = "index_dropped"
    ACTIVE = "active"
    COMPLETED = "completed"
    TARGET_CREATED = "target_created"
    VALIDATED = "validated"


class Status(StrEnum):
    """How far a step got."""

    RUNNING = "running"  # unknown: verify, then execute again
    DONE = "done"
    UNDONE = "undone"
    REJECTED = "rejected"  # a check that the target did not pass; it is made again


class RollbackStatus(StrEnum):
    """How far a rollback got."""

    NONE = "none"
    RUNNING = "running"
    DONE = "done"


@frozen(hash=False)
class StepRecord:
    """How far one step got.

    Attributes:
        status: running, done, undone or rejected.
        completed_batches: completed batches of documents.
        documents: how many documents were written in them, over all attempts.
        receipt: what execution returned; None until the step is done.
        shards: completed batches of each shard of the backup; empty if there is only one.
    """

    status: Status
    completed_batches: int = 0
    documents: int = 0
    receipt: Receipt | None = None
    shards: tuple[int, ...] = ()

    def completed_batches_of(self, shard: int) -> int:
        """Return how many batches of a shard are completed."""
        return self.shards[shard] if self.shards else self.completed_batches

    def with_batches(self, batches: int, documents: int, shard: int = 0) -> StepRecord:
        """Return the record with a new count of one shard's completed batches, and with more written documents.

        Args:
            batches: completed batches of the shard, in all.
            documents: documents written since the last count.
            shard: the shard of the backup.
        """
        shards = (*self.shards[:shard], batches, *self.shards[shard + 1 :]) if self.shards else ()
        total = sum(shards) if shards else batches
        return evolve(self, completed_batches=total, documents=self.documents + documents, shards=shards)


@frozen
class SelfQueryBaseline:
    """Which documents the source index found by their own vectors in a field.

    Attributes:
        found: keys of documents that it found.
        not_found: keys of those that it did not find, or only beside documents that have no distance.
        has_undefined: whether some answer had documents without a distance.
    """

    found: tuple[str, ...]
    not_found: tuple[str, ...]
    has_undefined: bool = False


@frozen
class RaisedWorkers:
    """How many workers build indexes on a server while one of the run is built.

    Attributes:
        before: how many there were, and will be again.
        now: how many there are.
    """

    before: int
    now: int


@frozen
class ApplyChoices:
    """What a command that resumes a run repeats: without it, the run would do something else, or be slower.

    Attributes:
        workers: number of threads among which the documents are split.
        executor: who works on documents instead, without credentials; "" for the threads.
        switch: whether names are moved to a target that was built beside the source.
        on_conflict: which value to keep if a document has a field under both names.
        allow: names of notes that must not stop the run, sorted.
    """

    workers: int = 1
    executor: str = ""
    switch: bool = True
    on_conflict: str | None = None
    allow: tuple[str, ...] = ()


@frozen(hash=False)
class Progress:
    """Everything that the journal remembers besides the plan.

    Attributes:
        phase: how far the run got.
        undo: how far its rollback got.
        batch_size: documents per batch; a resumed run keeps it.
        started_at: UTC, ISO 8601.
        source_stats: the figures of the source index when the run started.
        plan_path: path of the plan file as the user gave it; "" for a plan that was in memory.
        query_check_file: path of the user's queries, of the last attempt that had any; "" if none had.
        min_overlap: the least overlap that came with them; None for that of the file.
        choices: what the last attempt was asked to do.
        dump_completed_batches: batches of originals in the backup.
        documents: captured keys.
        expires_at: when the last document of a sample expires, in seconds since the epoch; None if one never does.
        saved_batches: tag of the backup → number of its batches when the backup was made durable.
        saved_digest: digest of the backup at that moment.
        steps: step id → record, for steps that were started.
        restored_as: how the index is called that a rollback restores; "" until names are moved back.
        superseded: an index that a rollback has restored before, and that is dropped now that the name becomes an index
            again; "" if there is none.
        dropped_at: when the source was dropped, in seconds since the epoch.
        filling: whether the target was created without a scan, so that writes fill it; it may be incomplete.
        notes: the notes of this run, or of its rollback.
        notes_before: the notes at the time of the first change; empty for a rollback.
        server_processes: run ids of the servers when they were last read.
        server_changes: how often the run ids changed during the run.
        self_queries: vector field of the source index → what it found.
        raised_workers: address of a server → its index workers, from before they are raised until they are restored.
        warnings: for the report, of this run or of its rollback.
        latencies: how long the server took to answer, over all attempts.
        timings: seconds per activity, and their ``total``, over all attempts.
        timeline: when the activities took place, over all attempts.
    """

    phase: RunPhase
    batch_size: int
    started_at: str
    source_stats: IndexStats
    plan_path: str = ""
    query_check_file: str = ""
    min_overlap: float | None = None
    choices: ApplyChoices = field(factory=ApplyChoices)
    undo: RollbackStatus = RollbackStatus.NONE
    dump_completed_batches: int = 0
    documents: int = 0
    expires_at: float | None = None
    saved_batches: Mapping[str, int] = field(factory=dict)
    saved_digest: str = ""
    steps: Mapping[str, StepRecord] = field(factory=dict)
    dropped_at: float | None = None
    filling: bool = False
    restored_as: str = ""
    superseded: str = ""
    notes: tuple[Note, ...] = ()
    notes_before: tuple[Note, ...] = ()
    server_processes: tuple[str, ...] = ()
    server_changes: int = 0
    self_queries: Mapping[str, SelfQueryBaseline] = field(factory=dict)
    raised_workers: Mapping[str, RaisedWorkers] = field(factory=dict)
    warnings: tuple[str, ...] = ()
    latencies: LatencyHistogram = field(factory=LatencyHistogram)
    timings: Mapping[str, float] = field(factory=dict)
    timeline: Timeline = field(factory=Timeline)
