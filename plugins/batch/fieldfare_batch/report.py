"""The batch report: how all migrations of a batch ended, with the guide's keys."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from fieldfare.journal import Undo
from fieldfare.structure import make_converter
from fieldfare.yamlfile import write_yaml
from fieldfare_batch.clock import now
from fieldfare_batch.state import BatchState, IndexState, Status

__all__ = [
    "HALF_WAY",
    "BatchReport",
    "BatchStatus",
    "IndexReport",
    "Summary",
    "batch_report_to_dict",
    "is_half_way",
    "make_report",
    "write_report",
]

VERSION: Final = 1
HALF_WAY: Final = 3
"""The exit code of a migration that was left half-way."""


class BatchStatus(StrEnum):
    """How a batch ended."""

    COMPLETED = "completed"
    PARTIAL_FAILURE = "partial_failure"  # some indexes are migrated, others are not
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


@frozen
class Summary:
    """How many indexes ended how.

    Attributes:
        total_indexes: of the batch.
        successful: migrated.
        failed: not migrated, for a reason.
        skipped: the patch does not fit them.
        remaining: not begun, or interrupted.
        rolled_back: as they were.
        total_duration_seconds: that the batch has been running, over all attempts.
    """

    total_indexes: int
    successful: int
    failed: int
    skipped: int
    remaining: int
    rolled_back: int
    total_duration_seconds: float


@frozen
class IndexReport:
    """How one index ended.

    Attributes:
        name: its name before the migration.
        status: as in the state.
        report_path: of its own report.
        error: why it failed.
        skip_reason: why it was skipped.
    """

    name: str
    status: Status
    report_path: str | None = None
    error: str | None = None
    skip_reason: str | None = None


@frozen(hash=False)
class BatchReport:
    """How a batch ended.

    Attributes:
        version: of the file format.
        batch_id: of the batch plan.
        status: of the whole batch.
        summary: counts.
        indexes: all of them, in order.
        completed_at: UTC, ISO 8601.
    """

    version: int
    batch_id: str
    status: BatchStatus
    summary: Summary
    indexes: tuple[IndexReport, ...]
    completed_at: str


def make_report(state: BatchState) -> BatchReport:
    """Return the report of a batch that has come to an end, for now."""
    summary = Summary(
        total_indexes=len(state.indexes),
        successful=len(state.having(Status.SUCCESS)),
        failed=len(state.having(Status.FAILED)),
        skipped=len(state.having(Status.SKIPPED)),
        remaining=len(state.having(Status.PENDING, Status.IN_PROGRESS)),
        rolled_back=len(state.having(Status.ROLLED_BACK)),
        total_duration_seconds=round(state.elapsed_seconds, 3),
    )
    return BatchReport(
        version=VERSION,
        batch_id=state.batch_id,
        status=_status(state, summary),
        summary=summary,
        indexes=tuple(map(_index, state.indexes)),
        completed_at=now(),
    )


def is_half_way(state: BatchState) -> bool:
    """Whether a batch that failed has changed something on the server."""
    return state.rollback is Undo.RUNNING or any(
        each.status in {Status.SUCCESS, Status.IN_PROGRESS} or each.exit_code == HALF_WAY for each in state.indexes
    )


def batch_report_to_dict(report: BatchReport) -> dict[str, Any]:
    """Return what the report's file holds, as plain values."""
    plain: dict[str, Any] = _CONVERTER.unstructure(report)
    return plain


def write_report(report: BatchReport, path: Path | str) -> None:
    """Write a report file, whole or not at all.

    Raises:
        FileError: it cannot be written.
    """
    write_yaml(path, batch_report_to_dict(report))


def _status(state: BatchState, summary: Summary) -> BatchStatus:
    if state.rollback is Undo.DONE:
        return BatchStatus.ROLLED_BACK
    if state.rollback is Undo.NONE and not summary.failed and not summary.remaining:
        return BatchStatus.COMPLETED
    return BatchStatus.PARTIAL_FAILURE if summary.successful or summary.rolled_back else BatchStatus.FAILED


def _index(state: IndexState) -> IndexReport:
    skipped = state.status is Status.SKIPPED
    return IndexReport(
        state.name,
        state.status,
        state.report_path,
        error=None if skipped else state.reason,
        skip_reason=state.reason if skipped else None,
    )


_CONVERTER: Final = make_converter(sparse={IndexReport})
