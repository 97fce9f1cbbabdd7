"""The durable record of how far a run got: the ``.header`` file beside a backup.

It holds the whole plan, so that resume and rollback read nothing else. The file is JSON with sorted keys; its
``checksum`` is the SHA-256 of everything else in it, so that a torn, flipped or edited header is noticed.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import cattrs
from attrs import define, evolve, field, frozen
from cattrs.gen import make_dict_unstructure_fn, override

from fieldfare.backup import Expectation, read_header, write_durably
from fieldfare.definition import IndexStats
from fieldfare.documents import Note
from fieldfare.errors import BackupUnusable, FieldfareError
from fieldfare.plan import MigrationPlan, Receipt
from fieldfare.plan.file import fingerprint, plan_from_dict, plan_to_dict
from fieldfare.structure import make_converter, require, structure

__all__ = ["FORMAT", "Journal", "Progress", "RunPhase", "Status", "StepRecord", "Undo"]

FORMAT: Final = 1
PROGRESS_SECONDS: Final = 0.2
"""How old the recorded batch counter may get. Batches are idempotent, so it may lag; transitions never do."""


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


class Undo(StrEnum):
    """How far a rollback got."""

    NONE = "none"
    RUNNING = "running"
    DONE = "done"


@frozen(hash=False)
class StepRecord:
    """How far one step got.

    Attributes:
        status: running, done or undone.
        completed_batches: batches of documents that are through.
        documents: how many documents were written in them, over all attempts.
        receipt: what execution returned, once it is done.
        shards: the same batches for each shard of the backup, where there are several.
    """

    status: Status
    completed_batches: int = 0
    documents: int = 0
    receipt: Receipt | None = None
    shards: tuple[int, ...] = ()

    def through(self, shard: int) -> int:
        """Return how many batches of a shard are through."""
        return self.shards[shard] if self.shards else self.completed_batches

    def counted(self, batches: int, documents: int, shard: int = 0) -> StepRecord:
        """Return the record with the batches of one shard that are through, and documents that were written."""
        shards = (*self.shards[:shard], batches, *self.shards[shard + 1 :]) if self.shards else ()
        total = sum(shards) if shards else batches
        return evolve(self, completed_batches=total, documents=self.documents + documents, shards=shards)


@frozen(hash=False)
class Progress:
    """Everything that the journal remembers besides the plan.

    Attributes:
        phase: how far the run got.
        undo: how far its rollback got.
        batch_size: documents per batch; a resumed run keeps it.
        started_at: UTC, ISO 8601.
        source_stats: of the source index when the run started.
        plan_path: where the plan came from, as it was given; "" for one that was in memory.
        dump_completed_batches: batches of originals in the backup.
        documents: captured keys.
        saved_batches: tag of the backup → batches that were there when it was made durable.
        saved_digest: of the backup at that moment.
        steps: step id → record, for steps that were started.
        dropped_at: when the source was dropped, in seconds since the epoch.
        notes: what turned up in documents.
        notes_before: what had turned up when the first change was made; of a rollback, nothing.
        server_processes: which processes the servers were, at the last look.
        server_changes: how often they had become others in the middle of the run.
        timings: seconds per activity, over all attempts.
    """

    phase: RunPhase
    batch_size: int
    started_at: str
    source_stats: IndexStats
    plan_path: str = ""
    undo: Undo = Undo.NONE
    dump_completed_batches: int = 0
    documents: int = 0
    saved_batches: Mapping[str, int] = field(factory=dict)
    saved_digest: str = ""
    steps: Mapping[str, StepRecord] = field(factory=dict)
    dropped_at: float | None = None
    notes: tuple[Note, ...] = ()
    notes_before: tuple[Note, ...] = ()
    server_processes: tuple[str, ...] = ()
    server_changes: int = 0
    timings: Mapping[str, float] = field(factory=dict)


@define
class Journal:
    """A run's record, written through to its file.

    Attributes:
        path: the ``.header`` file.
        plan: what the run carries out.
        progress: how far it is.
    """

    path: Path
    plan: MigrationPlan
    progress: Progress
    _plan_mapping: dict[str, Any] = field(init=False)
    _saved_at: float = field(init=False, default=0.0)

    def __attrs_post_init__(self) -> None:
        """Spell the plan once; it is written with every change of the progress."""
        self._plan_mapping = plan_to_dict(self.plan)

    @classmethod
    def load(cls, path: Path) -> Journal:
        """Read a journal.

        Raises:
            BackupUnusable: it is missing, torn, flipped, edited, or not ours.
        """
        content = read_header(path)
        if content["format"] != FORMAT:
            raise BackupUnusable(path, f"its format is {content['format']!r}, this fieldfare reads {FORMAT}")
        if content.pop("checksum", None) != _checksum(content):
            raise BackupUnusable(path, "its checksum does not match: it is damaged, or was edited")
        try:
            plan = plan_from_dict(content["plan"])
            progress = structure(_CONVERTER, content["progress"], Progress)
            _refuse_nonsense(progress, plan)
        except (KeyError, TypeError, ValueError, FieldfareError) as error:
            raise BackupUnusable(path, f"it does not hold a run ({error})") from error
        return cls(path, plan, progress)

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the plan that is carried out."""
        return str(self._plan_mapping["fingerprint"])

    def belongs_to(self, plan: MigrationPlan) -> bool:
        """Whether this is a run of that plan."""
        return self.fingerprint == fingerprint(plan)

    @property
    def changed_something(self) -> bool:
        """Whether a step was begun, so that the server may not be what it was."""
        return bool(self.progress.steps)

    @property
    def expected_backup(self) -> Expectation:
        """What the backup must be, to be the one of this run."""
        progress = self.progress
        # documents that were added meanwhile may have their new names
        prefixes = (*self.plan.source.definition.prefixes, *self.plan.target.prefixes)
        return Expectation(
            progress.saved_batches,
            progress.documents,
            progress.saved_digest,
            tuple(prefix.encode("utf-8", "surrogateescape") for prefix in prefixes),
        )

    def record(self, step: str) -> StepRecord | None:
        """Return how far a step got; None if it was never started."""
        return self.progress.steps.get(step)

    def update(self, **changes: Any) -> None:
        """Change the progress and make it durable."""
        self.progress = evolve(self.progress, **changes)
        self.save()

    def mark(self, step: str, record: StepRecord, **changes: Any) -> None:
        """Change one step's record, and more of the progress with it, and make it durable."""
        self.update(steps={**self.progress.steps, step: record}, **changes)

    def advance(self, steps: Sequence[str], batches: int, documents: int = 0, *, shard: int = 0) -> None:
        """Count batches of steps that are through, all at once; made durable a few times per second.

        Args:
            steps: which.
            batches: how many batches of the shard each of them has behind it.
            documents: how many documents the last batch wrote.
            shard: of the backup.
        """
        counted = {step: self.progress.steps[step].counted(batches, documents, shard) for step in steps}
        self.progress = evolve(self.progress, steps={**self.progress.steps, **counted})
        if time.monotonic() - self._saved_at >= PROGRESS_SECONDS:
            self.save()

    def save(self) -> None:
        """Write the file, atomically and durably.

        Raises:
            BackupUnusable: the disk refused; what was there stands.
        """
        content = self._content()
        content["checksum"] = _checksum(content)
        try:
            write_durably(self.path, json.dumps(content, sort_keys=True, indent=1).encode())
        except OSError as error:
            reason = f"it cannot be written: {error.strerror}. Make room or mend the disk, then run the same command."
            raise BackupUnusable(self.path, reason) from error
        self._saved_at = time.monotonic()

    def _content(self) -> dict[str, Any]:
        rewrites = [step for step in self.plan.steps if step.transforms]
        records = [self.progress.steps[step.id] for step in rewrites if step.id in self.progress.steps]
        return {
            "format": FORMAT,
            "fingerprint": self.fingerprint,
            "index_name": self.plan.index,
            "phase": self.progress.phase.value,
            "batch_size": self.progress.batch_size,
            "fields": {path: dict(step.params) for step in rewrites for path in step.fields},
            "dump_completed_batches": self.progress.dump_completed_batches,
            "quantize_completed_batches": max((record.completed_batches for record in records), default=0),
            "progress": _CONVERTER.unstructure(self.progress),
            "plan": self._plan_mapping,
        }


def _checksum(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _refuse_nonsense(progress: Progress, plan: MigrationPlan) -> None:
    """Refuse what no run of this plan can have written.

    Raises:
        ValueError: says why.
    """
    counts = [progress.dump_completed_batches, progress.documents, *progress.saved_batches.values()]
    for record in progress.steps.values():
        counts += [record.completed_batches, record.documents, *record.shards]
    if min(counts) < 0 or progress.batch_size < 1:
        raise ValueError("a count is less than nothing")
    unknown = progress.steps.keys() - {step.id for step in plan.steps}
    if unknown:
        raise ValueError(f"the plan has no step {min(unknown)!r:.80}")


def _bytes(value: object) -> bytes:
    require(value, str)
    return str(value).encode("utf-8", "surrogateescape")


def _converter() -> cattrs.Converter:
    converter = make_converter()
    converter.register_unstructure_hook(bytes, lambda value: value.decode("utf-8", "surrogateescape"))
    converter.register_structure_hook(bytes, lambda value, _: _bytes(value))
    shards = override(omit_if_default=True)  # one worker's file says nothing about them
    converter.register_unstructure_hook(StepRecord, make_dict_unstructure_fn(StepRecord, converter, shards=shards))
    return converter


_CONVERTER: Final = _converter()
