"""Whether a batch begins, goes on, or is over already."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from attrs import evolve

from fieldfare.backup import backup_file, backup_prefix
from fieldfare.errors import BackupUnusable
from fieldfare.journal import Journal, Undo
from fieldfare_batch.clock import now
from fieldfare_batch.errors import BatchStateUnusable
from fieldfare_batch.next_step import resume_command, rollback_command
from fieldfare_batch.plan import BatchPlan
from fieldfare_batch.report import HALF_WAY
from fieldfare_batch.state import BatchState, IndexState, Settings, Status
from fieldfare_batch.state_file import VERSION

__all__ = [
    "find_journal",
    "fresh_state",
    "goes_on",
    "refuse_other_directory",
    "refuse_rolled_back",
    "require_backups",
    "retried",
    "was_left_half_way",
]


def fresh_state(plan: BatchPlan, backup_dir: Path, report_dir: Path, settings: Settings) -> BatchState:
    """Return the record of a batch of which nothing is done."""
    indexes = tuple(
        IndexState(
            each.name,
            Status.PENDING if each.applicable else Status.SKIPPED,
            reason=each.skip_reason or (None if each.applicable else "left out of the batch plan"),
            plan_path=each.plan_path,
            fingerprint=each.fingerprint,
            lossy=each.lossy,
        )
        for each in plan.indexes
    )
    return BatchState(
        version=VERSION,
        batch_id=plan.batch_id,
        failure_policy=plan.failure_policy,
        backup_dir=str(backup_dir.resolve()),
        report_dir=str(report_dir.absolute()),
        rollback=Undo.NONE,
        started_at=now(),
        updated_at=now(),
        elapsed_seconds=0.0,
        settings=settings,
        indexes=indexes,
    )


def goes_on(path: Path, earlier: BatchState, fresh: BatchState) -> bool:
    """Whether an earlier attempt goes on; False if it is over, its record having been set aside.

    Raises:
        BatchStateUnusable: it is of another batch that is not over, or of another directory; or a rollback was begun.
    """
    same = _identity(earlier) == _identity(fresh)
    if same and earlier.rollback is not Undo.DONE:
        refuse_rolled_back(path, earlier)
        refuse_other_directory(path, earlier, fresh.backup_dir)
        return True
    if not earlier.is_over:
        raise BatchStateUnusable(
            path,
            f"it is of {earlier.batch_id}, which is not over. Nothing was changed. Give another --state, or end that "
            f"batch first.\n  To go on with it:  {resume_command(path, earlier)}\n"
            f"  To put it back:    {rollback_command(path)}",
        )
    path.rename(path.with_name(f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.stale"))
    return False


def _identity(state: BatchState) -> tuple[object, ...]:
    return state.batch_id, {each.name: each.fingerprint for each in state.migrating}


def refuse_other_directory(path: Path, state: BatchState, backup_dir: str | Path | None) -> None:
    """Refuse to go on in another backup directory.

    Raises:
        BatchStateUnusable: it is another one.
    """
    if backup_dir is not None and Path(backup_dir).resolve() != Path(state.backup_dir):
        raise BatchStateUnusable(
            path,
            f"the batch keeps its backups in {state.backup_dir}, not in {Path(backup_dir).resolve()}. "
            "Nothing was changed. Leave --backup-dir out, or give that one.",
        )


def refuse_rolled_back(path: Path, state: BatchState) -> None:
    """Refuse to go on with a batch that is being taken back, or was.

    Raises:
        BatchStateUnusable: it is one.
    """
    if state.rollback is Undo.RUNNING:
        raise BatchStateUnusable(path, f"a rollback of the batch was begun. Finish it first: {rollback_command(path)}")
    if state.rollback is Undo.DONE:
        raise BatchStateUnusable(
            path, "the batch was rolled back. Nothing was changed. 'fieldfare batch-apply' starts it anew."
        )


def find_journal(backup_dir: Path, index: IndexState) -> Journal | None:
    """Return the journal of an index's migration; None if this batch has not begun it.

    The directory may hold one of another plan for the index.

    Raises:
        BackupUnusable: it is damaged.
    """
    header = backup_file(backup_prefix(backup_dir, index.name), "header")
    journal = Journal.load(header) if header.exists() else None
    return journal if journal is not None and journal.fingerprint == index.fingerprint else None


def was_left_half_way(backup_dir: Path, index: IndexState) -> bool:
    """Whether an index may be half migrated, as far as its journal tells, or else its record from before."""
    try:
        journal = find_journal(backup_dir, index)
    except BackupUnusable:
        return index.status is Status.IN_PROGRESS or index.exit_code == HALF_WAY
    return journal is not None and journal.changed_something and journal.progress.undo is not Undo.DONE


def require_backups(path: Path, state: BatchState) -> None:
    """Refuse to go on, or back, where the backups of what was begun are not to be found: an unmounted disk, say.

    Raises:
        BatchStateUnusable: their directory is not there.
    """
    if state.begun and not Path(state.backup_dir).is_dir():
        raise BatchStateUnusable(
            path, f"its backups are in {state.backup_dir}, and there is no such directory. Nothing was changed."
        )


def retried(state: BatchState) -> BatchState:
    """Return the record with those that failed to be migrated again."""
    indexes = (evolve(each, status=Status.PENDING) if each.status is Status.FAILED else each for each in state.indexes)
    return evolve(state, indexes=tuple(indexes))
