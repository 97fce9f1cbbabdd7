"""The batch report: the outcome of all migrations of a batch, with the keys of RedisVL's migration guide."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from attrs import field, frozen

from fieldfare.backup.progress import RollbackStatus
from fieldfare.support.structure import make_converter
from fieldfare_batch.state import BatchState, IndexState, Status
from fieldfare_batch.timestamp import utc_timestamp

__all__ = [
    "BatchReport",
    "BatchStatus",
    "IndexReport",
    "Summary",
    "batch_report_to_dict",
    "make_report",
]

VERSION: Final = 1


class BatchStatus(StrEnum):
    """The outcome of a batch."""

    COMPLETED = "completed"
    BUILT = "built"  # every new index is built and checked, and no name has moved
    PARTIAL_FAILURE = "partial_failure"  # some indexes are migrated, others are not
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


@frozen
class Summary:
    """Counts of indexes by outcome.

    Attributes:
        total_indexes: the number of indexes in the batch.
        successful: migrated.
        failed: not migrated, because of an error.
        skipped: the patch does not apply to them.
        remaining: not started, or interrupted.
        rolled_back: restored.
        built: beside their old indexes; their names have not moved.
        total_duration_seconds: the duration of the batch, over all runs.
    """

    total_indexes: int
    successful: int
    failed: int
    skipped: int
    remaining: int
    rolled_back: int
    built: int
    total_duration_seconds: float


@frozen
class IndexReport:
    """The outcome of one index.

    Attributes:
        name: its name before the migration.
        status: as in the state.
        report_path: the path of its own report.
        error: why it failed.
        skip_reason: why it was skipped.
        duration_seconds: the seconds of its migration, over all runs; None if it was not started.
        docs_migrated: its documents, if it was built or migrated.
    """

    name: str
    status: Status
    report_path: str | None = None
    error: str | None = None
    skip_reason: str | None = None
    duration_seconds: float | None = None
    docs_migrated: int | None = None


@frozen(hash=False)
class BatchReport:
    """The outcome of a batch.

    Attributes:
        version: the version of the file format.
        batch_id: the id of the batch plan.
        status: the status of the whole batch.
        summary: counts.
        indexes: all of them, in the order of migration.
        completed_at: UTC, ISO 8601.
        started_at: UTC, ISO 8601.
        backup_dir: the resolved backup directory.
        next: ``resume``, ``finalize`` or ``rollback`` → the command that does it.
    """

    version: int
    batch_id: str
    status: BatchStatus
    summary: Summary
    indexes: tuple[IndexReport, ...]
    completed_at: str
    started_at: str
    backup_dir: str
    next: Mapping[str, str] = field(factory=dict)


def make_report(state: BatchState, commands: Mapping[str, str] | None = None) -> BatchReport:
    """Return the report of a batch that is not running.

    Args:
        state: the state of the batch.
        commands: the commands to run next, if they are known.
    """
    summary = Summary(
        total_indexes=len(state.indexes),
        successful=len(state.with_status(Status.SUCCESS)),
        failed=len(state.with_status(Status.FAILED)),
        skipped=len(state.with_status(Status.SKIPPED)),
        remaining=len(state.with_status(Status.PENDING, Status.IN_PROGRESS)),
        rolled_back=len(state.with_status(Status.ROLLED_BACK)),
        built=len(state.with_status(Status.BUILT)),
        total_duration_seconds=round(state.elapsed_seconds, 3),
    )
    return BatchReport(
        version=VERSION,
        batch_id=state.batch_id,
        status=_status(state, summary),
        summary=summary,
        indexes=tuple(map(_index, state.indexes)),
        completed_at=utc_timestamp(),
        started_at=state.started_at,
        backup_dir=state.backup_dir,
        next=dict(commands or {}),
    )


def batch_report_to_dict(report: BatchReport) -> dict[str, Any]:
    """Return the content of the report's file, as plain values."""
    plain: dict[str, Any] = _CONVERTER.unstructure(report)
    return plain


def _status(state: BatchState, summary: Summary) -> BatchStatus:
    if state.rollback is RollbackStatus.DONE:
        return BatchStatus.ROLLED_BACK
    if state.rollback is RollbackStatus.NONE and not summary.failed and not summary.remaining:
        if not summary.built:
            return BatchStatus.COMPLETED
        if not state.switching:
            return BatchStatus.BUILT
    return BatchStatus.PARTIAL_FAILURE if summary.successful or summary.rolled_back else BatchStatus.FAILED


def _index(state: IndexState) -> IndexReport:
    skipped = state.status is Status.SKIPPED
    return IndexReport(
        state.name,
        state.status,
        state.report_path,
        error=None if skipped else state.reason,
        skip_reason=state.reason if skipped else None,
        duration_seconds=state.duration_seconds,
        docs_migrated=state.documents if state.status in {Status.BUILT, Status.SUCCESS} else None,
    )


_CONVERTER: Final = make_converter(sparse={IndexReport})
