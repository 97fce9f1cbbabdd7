"""The state of a batch: the status of each index, and the commands to run next.

Data only; ``state_file`` reads and writes it.
"""

from __future__ import annotations

import shlex
from enum import StrEnum
from pathlib import Path
from typing import Final

from attrs import frozen

from fieldfare.backup.progress import RollbackStatus
from fieldfare.errors import MigrationIncomplete
from fieldfare_batch.plan import FailurePolicy
from fieldfare_batch.settings import Settings

__all__ = [
    "FINALIZING",
    "ROLLING_BACK",
    "RUNNING_STATUSES",
    "SWITCHING",
    "BatchState",
    "IndexState",
    "Settings",
    "Status",
    "finalize_command",
    "next_commands",
    "resume_command",
    "rollback_command",
]


class Status(StrEnum):
    """The status of the migration of one index."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    BUILT = "built"  # the new index is built and checked beside the old one, and no name has moved
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"  # the patch does not apply to the index
    ROLLED_BACK = "rolled_back"


ROLLING_BACK: Final = "rolling_back"
"""The progress status of an index that is rolled back; not kept in the state."""

SWITCHING: Final = "switching"
"""The progress status of an index whose names are moved; not kept in the state."""

FINALIZING: Final = "finalizing"
"""The progress status of an index that is finalized; not kept in the state."""

RUNNING_STATUSES: Final = frozenset({Status.IN_PROGRESS.value, SWITCHING, FINALIZING, ROLLING_BACK})
"""The progress status of an index at the start of its migration, switch, finalization or rollback."""


@frozen
class IndexState:
    """The state of one index.

    Attributes:
        name: its name before the migration.
        status: the status of its migration.
        reason: why it failed, or was skipped.
        exit_code: the exit code of the failure: 3 if the index is partly migrated, otherwise it is unchanged.
        started_at: UTC, ISO 8601.
        finished_at: UTC, ISO 8601.
        plan_path: the path of its migration plan.
        fingerprint: the fingerprint of that plan.
        lossy: the steps that lose information.
        report_path: the path of its report.
        duration_seconds: the seconds of its migration, over all runs.
        documents: the number of documents in the index when it was migrated.
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
    duration_seconds: float | None = None
    documents: int | None = None

    @property
    def needs_plan(self) -> bool:
        """Whether the index is to be migrated, and has no plan yet: the batch plan is one of RedisVL."""
        return self.fingerprint is None and self.status in {Status.PENDING, Status.IN_PROGRESS}

    @property
    def completed_at(self) -> str | None:
        """RedisVL's name for ``finished_at``."""
        return self.finished_at

    @property
    def error(self) -> str | None:
        """Why the migration failed; None if it did not."""
        return self.reason if self.status is Status.FAILED else None


@frozen(hash=False)
class BatchState:
    """The state of a batch: all that resuming and rolling back need, besides plans and backups.

    Attributes:
        version: the version of the file format.
        batch_id: the id of the batch plan.
        failure_policy: the failure policy of the batch plan.
        backup_dir: the directory of all backups.
        report_dir: the directory for the reports of indexes.
        rollback: whether the whole batch is being or was rolled back.
        started_at: UTC, ISO 8601.
        updated_at: UTC, ISO 8601.
        elapsed_seconds: the duration of the batch, over all runs.
        settings: the user's options.
        indexes: all of them, in the order of migration.
        plan_path: the path of the batch plan; "" if it is not known.
        switching: whether names have begun to move: then every index was built and checked.
        finalized: whether every index is finalized.
    """

    version: int
    batch_id: str
    failure_policy: FailurePolicy
    backup_dir: str
    report_dir: str
    rollback: RollbackStatus
    started_at: str
    updated_at: str
    elapsed_seconds: float
    settings: Settings
    indexes: tuple[IndexState, ...]
    plan_path: str = ""
    switching: bool = False
    finalized: bool = False

    def with_status(self, *statuses: Status) -> tuple[IndexState, ...]:
        """Return the indexes that have one of these statuses."""
        return tuple(each for each in self.indexes if each.status in statuses)

    @property
    def applicable(self) -> tuple[IndexState, ...]:
        """The indexes that the patch applies to."""
        return tuple(each for each in self.indexes if each.status is not Status.SKIPPED)

    @property
    def started(self) -> tuple[IndexState, ...]:
        """The indexes that may have to be rolled back; not those that RedisVL migrated, whose backups it has."""
        started = self.with_status(Status.SUCCESS, Status.BUILT, Status.FAILED, Status.IN_PROGRESS)
        return tuple(each for each in started if each.fingerprint is not None)

    @property
    def unplanned(self) -> tuple[str, ...]:
        """The names of the indexes that are to be migrated and have no plan yet."""
        return tuple(each.name for each in self.indexes if each.needs_plan)

    @property
    def is_finished(self) -> bool:
        """Whether there is nothing left to migrate, to retry or to roll back."""
        left = self.with_status(Status.PENDING, Status.IN_PROGRESS, Status.BUILT, Status.FAILED)
        return self.rollback is RollbackStatus.DONE or (self.rollback is RollbackStatus.NONE and not left)

    @property
    def completed(self) -> tuple[IndexState, ...]:
        """The indexes whose migration ended: with success or with a failure; and those that were rolled back."""
        return self.with_status(Status.SUCCESS, Status.FAILED, Status.ROLLED_BACK)

    @property
    def remaining(self) -> tuple[str, ...]:
        """The names of the indexes that are still to be migrated or switched; the current one is among them."""
        return tuple(each.name for each in self.with_status(Status.PENDING, Status.IN_PROGRESS, Status.BUILT))

    @property
    def is_built(self) -> bool:
        """Whether nothing is left to do but to move names."""
        ended = self.with_status(Status.BUILT, Status.SUCCESS)
        return len(ended) == len(self.applicable) and bool(self.with_status(Status.BUILT))

    @property
    def is_ready_to_switch(self) -> bool:
        """Whether names are to move now; once some have, the others follow."""
        return self.is_built and (self.settings.switch or self.switching)

    @property
    def can_finalize(self) -> bool:
        """Whether names have moved, and what the switch has left is still there."""
        return self.is_finished and self.switching and not self.finalized and self.rollback is RollbackStatus.NONE

    @property
    def current_index(self) -> str | None:
        """The name of the index that is being migrated, or whose migration was interrupted; the first if several."""
        return next((each.name for each in self.with_status(Status.IN_PROGRESS)), None)

    @property
    def success_count(self) -> int:
        """The number of migrated indexes."""
        return len(self.with_status(Status.SUCCESS))

    @property
    def failed_count(self) -> int:
        """The number of indexes whose migration failed."""
        return len(self.with_status(Status.FAILED))

    @property
    def skipped_count(self) -> int:
        """The number of indexes that the patch does not apply to."""
        return len(self.with_status(Status.SKIPPED))

    @property
    def is_complete(self) -> bool:
        """Whether no index is left to migrate; failed ones do not count."""
        return not self.remaining

    @property
    def is_incomplete(self) -> bool:
        """Whether the batch changed something on the server, and did not finish."""
        return self.rollback is RollbackStatus.RUNNING or any(
            each.status in {Status.SUCCESS, Status.BUILT, Status.IN_PROGRESS}
            or each.exit_code == MigrationIncomplete.exit_code
            for each in self.indexes
        )


def resume_command(path: Path, state: BatchState) -> str:
    """Return the command that resumes a batch; it retries failed indexes if no other index is left to migrate."""
    left = state.with_status(Status.PENDING, Status.IN_PROGRESS)
    words = ["fieldfare", "batch-resume", "--state", str(path)]
    words += ["--retry-failed"] if state.with_status(Status.FAILED) and not left else []
    words += ["--switch"] if state.is_built and not state.is_ready_to_switch else []
    words += ["--accept-data-loss"] if any(each.lossy for each in left or state.with_status(Status.FAILED)) else []
    return shlex.join(words)


def finalize_command(path: Path) -> str:
    """Return the command that finalizes every index of a batch."""
    return shlex.join(["fieldfare", "batch-finalize", "--state", str(path)])


def rollback_command(path: Path) -> str:
    """Return the command that rolls back every index of a batch."""
    return shlex.join(["fieldfare", "batch-rollback", "--state", str(path)])


def next_commands(path: Path, state: BatchState) -> dict[str, str]:
    """Return the commands for a batch that is not running: ``resume``, ``finalize`` or ``rollback`` → command."""
    if state.rollback is RollbackStatus.DONE:
        return {}
    rollback = {"rollback": rollback_command(path)}
    if state.rollback is RollbackStatus.RUNNING or state.is_finished:
        finalize = {"finalize": finalize_command(path)} if state.can_finalize else {}
        return {**rollback, **finalize} if state.applicable else {}
    return {**rollback, "resume": resume_command(path, state)}
