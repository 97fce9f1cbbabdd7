"""How far a batch got. Data only; ``state_file`` keeps it on disk."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

from fieldfare.engine.options import RETRY_SECONDS, Verify
from fieldfare.journal import Undo
from fieldfare_batch.plan import FailurePolicy

__all__ = ["BatchState", "IndexState", "Settings", "Status"]


class Status(StrEnum):
    """How far the migration of one index got."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"  # the patch does not fit the index
    ROLLED_BACK = "rolled_back"


@frozen
class IndexState:
    """How far one index got.

    Attributes:
        name: its name before the migration.
        status: how far.
        reason: why it failed, or was skipped.
        exit_code: of the failure: 3 if the index was left half-way, else it is as it was.
        started_at: UTC, ISO 8601.
        finished_at: UTC, ISO 8601.
        plan_path: of its migration plan.
        fingerprint: of that plan.
        lossy: the steps that lose information.
        report_path: of its report.
    """

    name: str
    status: Status
    reason: str | None = None
    exit_code: int | None = None
    started_at: str | None = None
    finished_at: str | None = None
    plan_path: str | None = None
    fingerprint: str | None = None
    lossy: tuple[str, ...] = ()
    report_path: str | None = None


@frozen
class Settings:
    """What the user chose for every index; kept, so that resuming needs no repetition.

    Attributes:
        batch_size: documents per round trip.
        num_workers: for the documents of one index.
        parallel: indexes at the same time.
        allow_overflow: go on where values are too large for a new datatype.
        on_conflict: ``keep-old`` or ``keep-new``, for documents that have a renamed field under both names.
        retry_for: seconds for which a server that is away is tried again; 0 to give up at once.
        timeout: seconds that an index may take to be ready; None for as long as it takes.
        verify: how many documents are compared with the backup: ``sample``, ``full`` or ``none``.
    """

    batch_size: int = 500
    num_workers: int = 1
    parallel: int = 1
    allow_overflow: bool = False
    on_conflict: str | None = None
    retry_for: float = RETRY_SECONDS
    timeout: float | None = None
    verify: str = Verify.SAMPLE.value


@frozen(hash=False)
class BatchState:
    """How far a batch got: all that resuming and rolling back need, besides plans and backups.

    Attributes:
        version: of the file format.
        batch_id: of the batch plan.
        failure_policy: of the batch plan.
        backup_dir: of all indexes.
        report_dir: where the reports of indexes go.
        rollback: how far a rollback of the whole batch got.
        started_at: UTC, ISO 8601.
        updated_at: UTC, ISO 8601.
        elapsed_seconds: that the batch has been running, over all attempts.
        settings: the user's choices.
        indexes: all of them, in the order in which they are migrated.
    """

    version: int
    batch_id: str
    failure_policy: FailurePolicy
    backup_dir: str
    report_dir: str
    rollback: Undo
    started_at: str
    updated_at: str
    elapsed_seconds: float
    settings: Settings
    indexes: tuple[IndexState, ...]

    def having(self, *statuses: Status) -> tuple[IndexState, ...]:
        """Return the indexes that have one of these statuses."""
        return tuple(each for each in self.indexes if each.status in statuses)

    @property
    def migrating(self) -> tuple[IndexState, ...]:
        """The indexes that the patch fits."""
        return tuple(each for each in self.indexes if each.status is not Status.SKIPPED)

    @property
    def begun(self) -> tuple[IndexState, ...]:
        """The indexes of which something may be there to put back."""
        return self.having(Status.SUCCESS, Status.FAILED, Status.IN_PROGRESS)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do, to retry or to put back."""
        left = self.having(Status.PENDING, Status.IN_PROGRESS, Status.FAILED)
        return self.rollback is Undo.DONE or (self.rollback is Undo.NONE and not left)
