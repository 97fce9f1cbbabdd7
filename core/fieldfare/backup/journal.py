"""The durable record of how far a run got: the ``.header`` file beside a backup.

It holds the whole plan, so that resume and rollback read nothing else. The file is JSON with sorted keys. Its
``checksum`` is the SHA-256 of everything else in it, and detects a truncated, damaged or edited file.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any, Final

import cattrs
from attrs import define, evolve, field
from cattrs.gen import make_dict_unstructure_fn, override

from fieldfare.backup import ExpectedBackup, read_header, write_durably
from fieldfare.backup.durable import content_checksum
from fieldfare.backup.progress import Progress, Status, StepRecord
from fieldfare.definition.reply import encode, text
from fieldfare.documents import Note
from fieldfare.errors import BackupUnusable, FieldfareError
from fieldfare.plan import MigrationPlan, Phase
from fieldfare.plan.file import fingerprint, plan_from_dict, plan_to_dict
from fieldfare.report.timeline import Timeline
from fieldfare.storage import BackupPath, StoragePath
from fieldfare.support.interval import Interval
from fieldfare.support.structure import make_converter, require, structure

__all__ = ["FORMAT", "Journal"]

FORMAT: Final = 1
FORMER_NOTE_KINDS: Final = {
    "changed meanwhile": "updated during the run",
    "added meanwhile": "added during the run",
    "changed since": "updated since the run",
    "written to all the time": "updated faster than it can be converted",
}
"""Kinds of notes that version 0.1 wrote → their current names. The former ones are read, never written."""

OWNER: Final = "index"
"""The kernel's plugin, which owns the steps that drop and create the index."""

TOTAL: Final = "total"
NESTED: Final = ("index", "downtime", "throttled")
"""Activities whose time is part of that of others."""

PROGRESS_SECONDS: Final = 0.2
"""Maximum age of the batch counter on disk. It may lag, because batches are idempotent; changes of state never lag."""

STORAGE_PROGRESS_SECONDS: Final = 5.0
"""The same in a storage, where each save takes four requests."""


@define
class Journal:
    """A run's record, written through to its file.

    Attributes:
        path: the ``.header`` file.
        plan: what the run carries out.
        progress: how far the run got.
    """

    path: BackupPath
    plan: MigrationPlan
    progress: Progress
    _plan_mapping: dict[str, Any] = field(init=False)
    _due: Interval = field(init=False)
    _counted_at: float = field(init=False, factory=time.monotonic)
    _documents_counted: tuple[str, float] = field(init=False, default=("", 0.0))

    def __attrs_post_init__(self) -> None:
        """Convert the plan to plain values once; it is written with every change of the progress."""
        self._plan_mapping = plan_to_dict(self.plan)
        in_storage = isinstance(self.path, StoragePath)
        self._due = Interval(STORAGE_PROGRESS_SECONDS if in_storage else PROGRESS_SECONDS)

    @classmethod
    def load(cls, path: BackupPath) -> Journal:
        """Read a journal.

        Raises:
            BackupUnusable: it is missing, truncated, damaged, edited, or not written by fieldfare.
        """
        content = read_header(path)
        if content["format"] != FORMAT:
            raise BackupUnusable(path, f"its format is {content['format']!r}, this fieldfare reads {FORMAT}")
        if content.pop("checksum", None) != content_checksum(content):
            raise BackupUnusable(path, "its checksum does not match: it is damaged, or was edited")
        try:
            plan = plan_from_dict(content["plan"])
            progress = _with_current_notes(structure(_CONVERTER, content["progress"], Progress))
            _check_progress(progress, plan)
        except (KeyError, TypeError, ValueError, FieldfareError) as error:
            raise BackupUnusable(path, f"it does not hold a run ({error})") from error
        return cls(path, plan, progress)

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the run's plan."""
        return str(self._plan_mapping["fingerprint"])

    def belongs_to(self, plan: MigrationPlan) -> bool:
        """Whether this is the journal of a run of this plan."""
        return self.fingerprint == fingerprint(plan)

    @property
    def has_started_steps(self) -> bool:
        """Whether a step was started, so that the run may have changed something on the server."""
        return bool(self.progress.steps)

    @property
    def unavailable_since(self) -> float | None:
        """Since when the index cannot be queried, because it was dropped; None while it answers."""
        dropped, created = self._status_in(Phase.DROP), self._status_in(Phase.CREATE)
        answers = dropped in {None, Status.UNDONE} or created is Status.DONE
        return None if answers else self.progress.dropped_at

    def _status_in(self, phase: Phase) -> Status | None:
        """Return how far the mode's own step in a phase got; None if there is none, or it was not started."""
        steps = (each.id for each in self.plan.steps if each.phase is phase and each.owner == OWNER)
        record = next(filter(None, map(self.record, steps)), None)
        return record.status if record else None

    @property
    def expected_backup(self) -> ExpectedBackup:
        """What the backup must contain to be the one of this run."""
        progress = self.progress
        # documents that were added during the run may have keys under the new prefixes
        prefixes = (*self.plan.source.definition.prefixes, *self.plan.target.prefixes)
        return ExpectedBackup(
            progress.saved_batches,
            progress.documents,
            progress.saved_digest,
            tuple(dict.fromkeys(map(encode, prefixes))),
        )

    def record(self, step: str) -> StepRecord | None:
        """Return the record of a step; None if the step was never started."""
        return self.progress.steps.get(step)

    def update(self, **changes: Any) -> None:
        """Change the progress and save it."""
        self.progress = evolve(self.progress, **changes)
        self.save()

    def mark(self, step: str, record: StepRecord, **changes: Any) -> None:
        """Change one step's record together with other parts of the progress, and save them."""
        self.update(steps={**self.progress.steps, step: record}, **changes)

    def advance(self, steps: Sequence[str], batches: int, documents: int = 0, *, shard: int = 0) -> None:
        """Count completed batches of several steps at once. The count is saved a few times per second.

        Args:
            steps: ids of the steps.
            batches: how many batches of the shard each of them has completed.
            documents: how many documents the last batch wrote.
            shard: the shard of the backup.
        """
        records = {step: self.progress.steps[step].with_batches(batches, documents, shard) for step in steps}
        self.progress = evolve(self.progress, steps={**self.progress.steps, **records})
        if self._due.is_due:
            self.save()

    def count_time_since(self, started: float) -> None:
        """Count the time of the current attempt from ``started``, as ``time.monotonic()`` gave it."""
        self._counted_at = started
        passed = time.monotonic() - started
        self._set_timeline(self.progress.timeline.with_attempt(self.total_seconds - passed, time.time() - passed))

    def add_time(self, activity: str, seconds: float) -> None:
        """Add seconds to an activity's time, and what has passed to the total; both are over all attempts."""
        timings = {**self.progress.timings, TOTAL: self.total_seconds}
        self._counted_at = time.monotonic()
        timings[activity] = timings.get(activity, 0.0) + seconds
        self.progress = evolve(self.progress, timings=timings)

    def add_activity(self, activity: str, title: str, seconds: float) -> None:
        """Record an activity that ends now: its time, and its place in the timeline."""
        self.add_time(activity, seconds)
        end = self.total_seconds
        self._set_timeline(self.progress.timeline.with_span(activity, title, max(end - seconds, 0.0), seconds))

    def add_outage(self, dropped_at: float) -> None:
        """Record that the index answers again.

        Args:
            dropped_at: when it was dropped, in seconds since the epoch.
        """
        self.add_time("downtime", time.time() - dropped_at)
        self._set_timeline(self.progress.timeline.with_outage(dropped_at, self.total_seconds))

    def add_documents(self, activity: str, count: int) -> None:
        """Record the documents that an activity has just processed."""
        now = self.total_seconds
        known, since = self._documents_counted
        self._documents_counted = (activity, now)
        if count:
            since = since if known == activity else now
            self._set_timeline(self.progress.timeline.with_documents(since, now, activity, count))

    def add_latency(self, milliseconds: float) -> None:
        """Record how long the server took to answer."""
        self.progress = evolve(self.progress, latencies=self.progress.latencies.add(milliseconds))
        self._set_timeline(self.progress.timeline.with_latency(self.total_seconds, milliseconds))

    def _set_timeline(self, timeline: Timeline) -> None:
        self.progress = evolve(self.progress, timeline=timeline)

    @property
    def total_seconds(self) -> float:
        """How long all attempts have taken; of one that was killed, until the end of its last activity on record."""
        timings = self.progress.timings
        # version 0.1 recorded no total
        earlier = timings.get(TOTAL, sum(seconds for name, seconds in timings.items() if name not in NESTED))
        return earlier + time.monotonic() - self._counted_at

    def save(self) -> None:
        """Write the file, atomically and durably.

        Raises:
            BackupUnusable: the file cannot be written; it keeps the old content.
        """
        content = self._content()
        content["checksum"] = content_checksum(content)
        try:
            with self._due.doing():
                write_durably(self.path, json.dumps(content, sort_keys=True, indent=1).encode())
        except OSError as error:
            reason = f"it cannot be written: {error.strerror}. Make room or repair the disk, then run the same command."
            raise BackupUnusable(self.path, reason) from error

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


def _with_current_notes(progress: Progress) -> Progress:
    def current(notes: Sequence[Note]) -> tuple[Note, ...]:
        return tuple(evolve(note, kind=FORMER_NOTE_KINDS.get(note.kind, note.kind)) for note in notes)

    return evolve(progress, notes=current(progress.notes), notes_before=current(progress.notes_before))


def _check_progress(progress: Progress, plan: MigrationPlan) -> None:
    """Check that a run of this plan can have written this progress.

    Raises:
        ValueError: it cannot; the message says why.
    """
    counts = [progress.dump_completed_batches, progress.documents, *progress.saved_batches.values()]
    for record in progress.steps.values():
        counts += [record.completed_batches, record.documents, *record.shards]
    if min(counts) < 0 or progress.batch_size < 1:
        raise ValueError("a count is negative")
    unknown = progress.steps.keys() - {step.id for step in plan.steps}
    if unknown:
        raise ValueError(f"the plan has no step {min(unknown)!r:.80}")


def _bytes(value: object) -> bytes:
    require(value, str)
    return encode(str(value))


def _converter() -> cattrs.Converter:
    converter = make_converter()
    converter.register_unstructure_hook(bytes, text)
    converter.register_structure_hook(bytes, lambda value, _: _bytes(value))
    shards = override(omit_if_default=True)  # not written for a run of one worker
    converter.register_unstructure_hook(StepRecord, make_dict_unstructure_fn(StepRecord, converter, shards=shards))
    return converter


_CONVERTER: Final = _converter()
