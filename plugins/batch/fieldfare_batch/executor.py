"""``BatchMigrationExecutor``: carries out batch plans, goes on with them, and takes them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import evolve

from fieldfare.api import MigrationExecutor
from fieldfare.api.arguments import server_at
from fieldfare.backup import open_directory
from fieldfare.engine.stop import StopRequest
from fieldfare.errors import BackupDirectoryRequired, FileError, PreconditionError, UsageError
from fieldfare.plan import MigrationPlan
from fieldfare.plan.file import fingerprint, load_plan
from fieldfare.plugins import Plugins, load_plugins
from fieldfare.server import Server
from fieldfare_batch.migration import Migrations, ProgressCallback
from fieldfare_batch.opening import (
    find_journal,
    fresh_state,
    goes_on,
    refuse_other_directory,
    refuse_rolled_back,
    require_backups,
    retried,
)
from fieldfare_batch.plan import BatchPlan
from fieldfare_batch.report import BatchReport, make_report, write_report
from fieldfare_batch.rollback import Rollbacks
from fieldfare_batch.state import BatchState, IndexState, Settings, Status
from fieldfare_batch.state_file import StateFile, hold_state, load_state

__all__ = ["BatchMigrationExecutor", "default_report_path"]

DEFAULT_STATE: Final = "batch_state.yaml"
DEFAULT_REPORTS: Final = "./reports/"


class BatchMigrationExecutor:
    """Carries out batch plans, goes on with them, and takes them back.

    Args:
        plugins: who carries out steps; by default every installed plugin.
    """

    def __init__(self, *, plugins: Plugins | None = None) -> None:
        self.plugins = plugins or load_plugins()

    def apply(  # noqa: PLR0913 - the guide's signature
        self,
        batch_plan: BatchPlan,
        *,
        redis_url: str | None = None,
        server: Server | None = None,
        state_path: str | Path = DEFAULT_STATE,
        report_dir: str | Path = DEFAULT_REPORTS,
        report_path: str | Path | None = None,
        backup_dir: str | Path | None = None,
        progress_callback: ProgressCallback | None = None,
        settings: Settings | None = None,
        stop: StopRequest | None = None,
    ) -> BatchReport:
        """Migrate every index that the patch fits; go on if an earlier attempt was interrupted.

        Args:
            batch_plan: from :class:`BatchMigrationPlanner`, or read from its file.
            redis_url: where the indexes live.
            server: an open connection, in place of ``redis_url``.
            state_path: the record of how far the batch got.
            report_dir: where the reports of indexes go; created if it is not there.
            report_path: where the batch report goes; by default beside the state.
            backup_dir: where originals and journals go; required.
            progress_callback: called with name, position, total and status at every transition.
            settings: choices for every index.
            stop: set to stop after the current batch of documents.

        Returns:
            The report. A failed index does not raise; see ``report.status``.

        Raises:
            BackupDirectoryRequired: no ``backup_dir``; a ``ValueError``.
            BackupUnusable: ``backup_dir`` cannot be used.
            BatchStateUnusable: the state file is of another batch, or of another backup directory.
            FileError: the plan of an index is not there.
            PreconditionError: no index is applicable, or a plan is not the one of this batch.
            LockHeld: another process works on this batch.
            Interrupted: ``stop`` was set.
        """
        if not backup_dir or not str(backup_dir).strip():
            raise BackupDirectoryRequired
        chosen = _checked(settings or Settings())
        if not batch_plan.applicable:
            raise PreconditionError(f"The patch of {batch_plan.batch_id} fits no index. Nothing was changed.")
        path = Path(state_path)
        fresh = fresh_state(batch_plan, Path(backup_dir), Path(report_dir), chosen)
        with hold_state(path):
            state = fresh
            if path.exists():
                earlier = load_state(path)
                if goes_on(path, earlier, fresh):
                    require_backups(path, earlier)
                    state = evolve(earlier, settings=chosen, report_dir=fresh.report_dir)
            if not state.begun:
                # before there is a record that names it
                open_directory(backup_dir, index=batch_plan.applicable[0].name)
            return self._run(path, state, report_path, redis_url, server, progress_callback, stop)

    def resume(  # noqa: PLR0913 - as of apply
        self,
        state_path: str | Path = DEFAULT_STATE,
        *,
        redis_url: str | None = None,
        server: Server | None = None,
        backup_dir: str | Path | None = None,
        retry_failed: bool = False,
        report_path: str | Path | None = None,
        progress_callback: ProgressCallback | None = None,
        settings: Settings | None = None,
        stop: StopRequest | None = None,
    ) -> BatchReport:
        """Go on with a batch, from its state alone.

        Args:
            state_path: the record.
            redis_url: where the indexes live.
            server: an open connection, in place of ``redis_url``.
            backup_dir: must be that of the record, if it is given at all.
            retry_failed: migrate those that failed, too.
            report_path: where the batch report goes; by default beside the state.
            progress_callback: as in :meth:`apply`.
            settings: in place of those that :meth:`apply` got.
            stop: set to stop after the current batch of documents.

        Raises:
            BatchStateUnusable: no such file, another backup directory, or the batch was rolled back.
            FieldfareError: as :meth:`apply`.
        """
        path = Path(state_path)
        with hold_state(path):
            state = load_state(path)
            refuse_other_directory(path, state, backup_dir)
            refuse_rolled_back(path, state)
            require_backups(path, state)
            if settings is not None:
                state = evolve(state, settings=_checked(settings))
            if retry_failed:
                state = retried(state)
            return self._run(path, state, report_path, redis_url, server, progress_callback, stop)

    def rollback(  # noqa: PLR0913 - what a rollback consists of
        self,
        state_path: str | Path = DEFAULT_STATE,
        *,
        redis_url: str | None = None,
        server: Server | None = None,
        report_path: str | Path | None = None,
        progress_callback: ProgressCallback | None = None,
        force: bool = False,
        stop: StopRequest | None = None,
    ) -> BatchReport:
        """Undo every index of a batch that was begun, in reverse order; go on if that was interrupted.

        Args:
            state_path: the record.
            redis_url: where the indexes live.
            server: an open connection, in place of ``redis_url``.
            report_path: where the batch report goes; by default beside the state.
            progress_callback: called with name, position, total and status.
            force: put back even where the server is not as the migrations left it.
            stop: set to stop after the current batch of documents.

        Returns:
            The report; its status is ``rolled_back`` if everything was put back.

        Raises:
            BatchStateUnusable: there is no such file.
            LockHeld: another process works on this batch.
            Interrupted: ``stop`` was set.
        """
        self.plugins.require_sound()
        path = Path(state_path)
        with hold_state(path), server_at(server, redis_url) as connected:
            file = StateFile(path, load_state(path))
            require_backups(path, file.state)
            _create(Path(file.state.report_dir))
            executor = MigrationExecutor(plugins=self.plugins)
            Rollbacks(connected, executor, file, stop or StopRequest(), force, progress_callback).carry_out()
            return _conclude(file, report_path)

    def status(self, state_path: str | Path = DEFAULT_STATE) -> BatchState:
        """Return how far a batch got; needs no server, and may be asked while it runs.

        Raises:
            BatchStateUnusable: there is no such file.
            FileError: it is damaged.
        """
        return load_state(Path(state_path))

    def _run(  # noqa: PLR0913, PLR0917 - what apply and resume share
        self,
        path: Path,
        state: BatchState,
        report_path: str | Path | None,
        redis_url: str | None,
        server: Server | None,
        callback: ProgressCallback | None,
        stop: StopRequest | None,
    ) -> BatchReport:
        self.plugins.require_sound()
        plans = _load_plans(state.having(Status.PENDING, Status.IN_PROGRESS), Path(state.backup_dir))
        with server_at(server, redis_url) as connected:
            _create(Path(state.report_dir))
            file = StateFile(path, state)
            file.update()
            executor = MigrationExecutor(plugins=self.plugins)
            Migrations(connected, executor, file, plans, stop or StopRequest(), callback).carry_out()
        return _conclude(file, report_path)


def default_report_path(state_path: Path) -> Path:
    """Return where the report of a batch goes: ``batch_report.yaml`` beside ``batch_state.yaml``."""
    stem = state_path.stem
    return state_path.with_name(f"{stem.replace('state', 'report') if 'state' in stem else f'{stem}_report'}.yaml")


def _load_plans(indexes: Sequence[IndexState], backup_dir: Path) -> Mapping[str, MigrationPlan]:
    """Read the plans of indexes, all before the first is migrated.

    Raises:
        FileError: one is not there.
        PlanEdited: one was edited.
        PreconditionError: one is not the one that the batch was planned with.
    """
    return {each.name: _load_plan(each, backup_dir) for each in indexes}


def _load_plan(index: IndexState, backup_dir: Path) -> MigrationPlan:
    """Read the plan of an index: its file, or the journal of a run that has changed something."""
    path = Path(str(index.plan_path))
    if path.exists() and not path.is_file():  # a pipe would never come to an end
        raise FileError(path, ["no regular file"])
    plan = load_plan(path) if path.exists() else None
    if plan is not None and fingerprint(plan) == index.fingerprint and plan.index == index.name:
        return plan
    journal = find_journal(backup_dir, index)
    if journal is not None and journal.changed_something:
        return journal.plan
    if plan is None:
        raise FileError(path, ["No such file"])
    raise PreconditionError(
        f"{index.plan_path} is not the plan of {index.name!r} that the batch was made with: it was written "
        "over. Nothing was changed. Run 'fieldfare batch-plan' again, with a --plan-dir of its own."
    )


def _checked(settings: Settings) -> Settings:
    for name in ("batch_size", "num_workers", "parallel"):
        if getattr(settings, name) < 1:
            raise UsageError(f"{name}={getattr(settings, name)}: it is at least 1. Nothing was changed.")
    return settings


def _create(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(directory, [error.strerror or str(error)]) from error


def _conclude(file: StateFile, report_path: str | Path | None) -> BatchReport:
    report = make_report(file.state)
    write_report(report, report_path or default_report_path(file.path))
    return report
