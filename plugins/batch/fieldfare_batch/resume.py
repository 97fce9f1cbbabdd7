"""Starting or resuming a batch, and the checks before that."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile

from attrs import evolve

from fieldfare.api.arguments import require_workers
from fieldfare.backup import backup_file, backup_prefix
from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RollbackStatus
from fieldfare.errors import BackupDirectoryRequired, BackupUnusable, MigrationIncomplete, UsageError
from fieldfare.storage import BackupPath, backup_location, is_storage_url
from fieldfare.storage.location import require_no_password
from fieldfare_batch.errors import BatchStateUnusable
from fieldfare_batch.plan import BatchPlan
from fieldfare_batch.plan_file import load_batch_plan
from fieldfare_batch.redisvl import with_batch_plan
from fieldfare_batch.state import (
    BatchState,
    IndexState,
    Settings,
    Status,
    resume_command,
    rollback_command,
)
from fieldfare_batch.state_file import VERSION, load_state
from fieldfare_batch.timestamp import utc_timestamp

__all__ = [
    "add_batch_plan",
    "changed_settings",
    "find_journal",
    "initial_state",
    "is_partially_migrated",
    "require_backup_dir",
    "require_batch_plan",
    "require_resumable",
    "reset_failed",
    "resume_or_start",
]


def changed_settings(
    settings: Settings, batch_size: int | None, num_workers: int | None, executor: str | None = None
) -> Settings:
    """Return settings with what is given: an executor takes the place of the threads, and the other way round.

    Raises:
        UsageError: a number is less than 1; or both threads and an executor are given.
    """
    if num_workers is not None or executor is not None:
        require_workers(1 if num_workers is None else num_workers, executor)
        settings = evolve(settings, num_workers=1 if num_workers is None else num_workers, executor=executor)
    settings = evolve(settings, batch_size=settings.batch_size if batch_size is None else batch_size)
    for name in ("batch_size", "num_workers", "parallel"):
        if getattr(settings, name) < 1:
            raise UsageError(f"{name}={getattr(settings, name)}: must be at least 1. Nothing was changed.")
    return settings


def initial_state(
    plan: BatchPlan, backup_dir: BackupPath, report_dir: Path, settings: Settings, plan_path: Path | None = None
) -> BatchState:
    """Return the state of a batch in which no migration has started."""
    indexes = tuple(
        IndexState(
            each.name,
            Status.PENDING if each.applicable else Status.SKIPPED,
            reason=each.skip_reason or (None if each.applicable else "excluded in the batch plan"),
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
        backup_dir=absolute_location(backup_dir),
        report_dir=str(report_dir.absolute()),
        rollback=RollbackStatus.NONE,
        started_at=utc_timestamp(),
        updated_at=utc_timestamp(),
        elapsed_seconds=0.0,
        settings=settings,
        indexes=indexes,
        plan_path=str(plan_path.absolute()) if plan_path else "",
    )


def absolute_location(backup_dir: BackupPath | str) -> str:
    """Return a backup directory as a state file holds it.

    Raises:
        UsageError: it is a URL with a password, which no file may hold.
    """
    location = backup_location(backup_dir)
    if isinstance(location, Path):
        return str(location.resolve())
    require_no_password(location, "the state file of a batch would hold it", "every command")
    return str(location)


def resume_or_start(path: Path, initial: BatchState) -> BatchState:
    """Return the state to continue with: of an earlier run of the same batch, or ``initial``.

    The state file of another batch that is finished is renamed.

    Raises:
        BatchStateUnusable: the file is of another batch that is not finished, or of another backup directory; or a
            rollback was started.
        FileError: the file is invalid.
    """
    if not path.exists():
        return initial
    earlier = load_state(path)
    if _is_same_batch(earlier, initial) and earlier.rollback is not RollbackStatus.DONE:
        earlier = require_resumable(path, earlier, initial.backup_dir)
        return evolve(
            earlier,
            settings=initial.settings,
            report_dir=initial.report_dir,
            plan_path=initial.plan_path or earlier.plan_path,
        )
    if not earlier.is_finished:
        raise BatchStateUnusable(
            path,
            f"it is of {earlier.batch_id}, which is not finished. Nothing was changed. Use another --state, or finish "
            f"that batch first.\n  To roll back:  {rollback_command(path)}\n"
            f"  To resume:     {resume_command(path, earlier)}",
        )
    path.rename(path.with_name(f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.stale"))
    return initial


def _is_same_batch(earlier: BatchState, initial: BatchState) -> bool:
    if earlier.batch_id != initial.batch_id:
        return False
    if earlier.unplanned or initial.unplanned:  # RedisVL's names of batches are unique
        return True
    return _fingerprints(earlier) == _fingerprints(initial)


def _fingerprints(state: BatchState) -> dict[str, str | None]:
    return {each.name: each.fingerprint for each in state.applicable}


def require_resumable(path: Path, state: BatchState, backup_dir: BackupPath | str | None) -> BatchState:
    """Check that a batch can be resumed; ``backup_dir`` is the one that the user gave.

    Returns:
        The state, with that directory if it has none: RedisVL may not have recorded it.

    Raises:
        BatchStateUnusable: it was rolled back, completely or partly; or its backups are in another directory, or that
            directory does not exist.
    """
    if state.rollback is RollbackStatus.RUNNING:
        raise BatchStateUnusable(path, f"a rollback of the batch was started. Finish it: {rollback_command(path)}")
    if state.rollback is RollbackStatus.DONE:
        raise BatchStateUnusable(
            path, "the batch was rolled back. Nothing was changed. 'fieldfare batch-apply' starts it again."
        )
    if not state.backup_dir:
        if not backup_dir:
            raise BackupDirectoryRequired
        return evolve(state, backup_dir=absolute_location(backup_dir))
    if backup_dir is not None and absolute_location(backup_dir) != str(backup_location(state.backup_dir)):
        raise BatchStateUnusable(
            path,
            f"the backups of the batch are in {state.backup_dir}, not in {absolute_location(backup_dir)}. "
            "Nothing was changed. Use that directory, or omit --backup-dir.",
        )
    require_backup_dir(path, state)
    return state


def find_journal(state: BatchState, index: IndexState) -> Journal | None:
    """Return the journal of an index's migration; None if this batch has not started it.

    A journal of another plan for the index does not count.

    Raises:
        BackupUnusable: it is damaged.
    """
    header = backup_file(backup_prefix(state.backup_dir, index.name), "header")
    journal = Journal.load(header) if header.exists() else None
    return journal if journal is not None and journal.fingerprint == index.fingerprint else None


def is_partially_migrated(state: BatchState, index: IndexState) -> bool:
    """Whether an index is partly migrated according to its journal; if that is damaged, to its earlier state."""
    try:
        journal = find_journal(state, index)
    except BackupUnusable:
        return index.status is Status.IN_PROGRESS or index.exit_code == MigrationIncomplete.exit_code
    return journal is not None and journal.has_started_steps and journal.progress.undo is not RollbackStatus.DONE


def require_backup_dir(path: Path, state: BatchState) -> None:
    """Check that the backup directory exists if a migration has started; its disk may not be mounted.

    Raises:
        BatchStateUnusable: it does not exist.
    """
    if state.started and not is_storage_url(state.backup_dir) and not Path(state.backup_dir).is_dir():
        raise BatchStateUnusable(path, f"its backup directory {state.backup_dir} does not exist. Nothing was changed.")


def require_batch_plan(path: Path, state: BatchState, batch_plan_path: str | Path | None) -> BatchPlan:
    """Return the batch plan of a state, from the file that the user gave or from the one that the state names.

    Raises:
        BatchStateUnusable: there is no such file, or it is of another batch.
        FileError: it is invalid.
    """
    given = Path(batch_plan_path or state.plan_path)
    if not batch_plan_path and not (state.plan_path and given.exists()):
        raise BatchStateUnusable(
            path, "it does not say where the batch plan is. Nothing was changed. Name the batch plan with --plan."
        )
    plan = load_batch_plan(given)
    if plan.batch_id != state.batch_id:
        raise BatchStateUnusable(
            path, f"it is of {state.batch_id}, and {given} is the plan of {plan.batch_id}. Nothing was changed."
        )
    return plan


def add_batch_plan(path: Path, state: BatchState, plan: BatchPlan) -> BatchState:
    """Return a state with the plans of its batch plan. The state file is copied if it is one of RedisVL."""
    if not state.unplanned:
        return state
    if path.exists():
        copyfile(path, path.with_name(f"{path.name}.redisvl"))
    return with_batch_plan(state, plan)


def reset_failed(state: BatchState) -> BatchState:
    """Return the state with failed indexes set to pending."""
    indexes = (evolve(each, status=Status.PENDING) if each.status is Status.FAILED else each for each in state.indexes)
    return evolve(state, indexes=tuple(indexes))
