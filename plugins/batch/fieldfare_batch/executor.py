"""``BatchMigrationExecutor``: applies, resumes, finalizes and rolls back batch plans."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from attrs import evolve

from fieldfare.api import MigrationExecutor
from fieldfare.api.server_argument import server_at
from fieldfare.backup import open_directory
from fieldfare.engine.stop import StopRequest
from fieldfare.errors import BackupDirectoryRequired, PreconditionError
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.server import Server
from fieldfare.server.client_address import AnyClient
from fieldfare.storage import BackupPath, backup_location
from fieldfare_batch.batch_run import BatchRun
from fieldfare_batch.finalization import BatchFinalization, Finalizations
from fieldfare_batch.index_files import create_directory
from fieldfare_batch.index_runs import ProgressCallback
from fieldfare_batch.plan import BatchPlan
from fieldfare_batch.report import BatchReport
from fieldfare_batch.report_file import write_batch_report
from fieldfare_batch.resume import (
    add_batch_plan,
    changed_settings,
    initial_state,
    require_backup_dir,
    require_batch_plan,
    require_resumable,
    reset_failed,
    resume_or_start,
)
from fieldfare_batch.rollback import Rollbacks
from fieldfare_batch.state import BatchState, Settings
from fieldfare_batch.state_file import StateFile, load_state, lock_state

__all__ = ["BatchMigrationExecutor"]

DEFAULT_STATE: Final = "batch_state.yaml"
DEFAULT_REPORTS: Final = "./reports/"


class BatchMigrationExecutor:
    """Applies, resumes, finalizes and rolls back batch plans.

    Args:
        plugins: the plugins that execute steps; by default every installed plugin.
    """

    def __init__(self, *, plugins: Plugins | None = None) -> None:
        self.plugins = plugins or load_plugins()

    def apply(  # noqa: PLR0913 - the signature of RedisVL's migration guide
        self,
        batch_plan: BatchPlan,
        *,
        batch_plan_path: str | Path | None = None,
        redis_url: str | None = None,
        redis_client: AnyClient | None = None,
        server: Server | None = None,
        state_path: str | Path = DEFAULT_STATE,
        report_dir: str | Path = DEFAULT_REPORTS,
        report_path: str | Path | None = None,
        backup_dir: BackupPath | str | None = None,
        batch_size: int | None = None,
        num_workers: int | None = None,
        progress_callback: ProgressCallback | None = None,
        settings: Settings | None = None,
        stop: StopRequest | None = None,
    ) -> BatchReport:
        """Migrate every index that the patch applies to; resume the batch if an earlier run was interrupted.

        Args:
            batch_plan: from :class:`BatchMigrationPlanner`, or read from its file. The indexes of a batch plan of
                RedisVL are planned first; their plans are written beside the state file.
            batch_plan_path: the file of the batch plan; kept in the state.
            redis_url: the server of the indexes.
            redis_client: a client of redis-py, instead of ``redis_url``; it stays open.
            server: an open connection of fieldfare, instead of both.
            state_path: the state file of the batch.
            report_dir: the directory for the reports of indexes; created if missing.
            report_path: the batch report; by default beside the state file.
            backup_dir: the directory for backups and journals; required.
            batch_size: documents per round trip; it replaces the number in ``settings``.
            num_workers: workers for the documents of one index; it replaces the number in ``settings``.
            progress_callback: called with name, position, total and status at every transition.
            settings: options for every index.
            stop: set it to stop after the current batch of documents.

        Returns:
            The report. A failed index does not raise; see ``report.status``.

        Raises:
            BackupDirectoryRequired: no ``backup_dir``; a ``ValueError``.
            BackupUnusable: ``backup_dir`` cannot be used.
            BatchStateUnusable: the state file is of another batch, or of another backup directory.
            OverlappingIndexes: as for :meth:`BatchMigrationPlanner.create_batch_plan`, with a batch plan of RedisVL.
            FileError: the plan of an index is missing.
            PreconditionError: the patch applies to no index, or a plan is of another batch.
            LockHeld: another process runs this batch.
            Interrupted: ``stop`` was set.
        """
        if not backup_dir or not str(backup_dir).strip():
            raise BackupDirectoryRequired
        settings = changed_settings(settings or Settings(), batch_size, num_workers)
        if not batch_plan.applicable:
            raise PreconditionError(f"The patch of {batch_plan.batch_id} applies to no index. Nothing was changed.")
        path = Path(state_path)
        plan_path = Path(batch_plan_path) if batch_plan_path else None
        initial = initial_state(batch_plan, backup_location(backup_dir), Path(report_dir), settings, plan_path)
        with lock_state(path):
            state = add_batch_plan(path, resume_or_start(path, initial), batch_plan)
            if not state.started:
                # before the state file that names it is written
                open_directory(backup_dir, index=batch_plan.applicable[0].name)
            with server_at(server, redis_url, redis_client) as connected:
                run = BatchRun(connected, self.plugins, path, stop or StopRequest(), progress_callback)
                return run.apply(run.planned(state, batch_plan), report_path)

    def resume(  # noqa: PLR0913 - as apply
        self,
        state_path: str | Path = DEFAULT_STATE,
        *,
        batch_plan_path: str | Path | None = None,
        redis_url: str | None = None,
        redis_client: AnyClient | None = None,
        server: Server | None = None,
        report_dir: str | Path | None = None,
        backup_dir: BackupPath | str | None = None,
        batch_size: int | None = None,
        num_workers: int | None = None,
        executor: str | None = None,
        retry_failed: bool = False,
        report_path: str | Path | None = None,
        progress_callback: ProgressCallback | None = None,
        settings: Settings | None = None,
        stop: StopRequest | None = None,
    ) -> BatchReport:
        """Resume a batch from its state file.

        Args:
            state_path: the state file, ours or one of RedisVL, which is kept with the ending ``.redisvl``.
            batch_plan_path: the batch plan, if it is not where the state says; needed if an index has no plan yet.
            redis_url: the server of the indexes.
            redis_client: a client of redis-py, instead of ``redis_url``; it stays open.
            server: an open connection of fieldfare, instead of both.
            report_dir: instead of the directory in the state.
            backup_dir: if given, must be the one in the state.
            batch_size: documents per round trip; it replaces the number in ``settings``.
            num_workers: workers for the documents of one index, in place of those and the executor in ``settings``.
            executor: who works on them, likewise.
            retry_failed: migrate failed indexes again, too.
            report_path: the batch report; by default beside the state file.
            progress_callback: as in :meth:`apply`.
            settings: instead of those given to :meth:`apply`.
            stop: set it to stop after the current batch of documents.

        Raises:
            BatchStateUnusable: no such file, another backup directory or batch plan, or the batch was rolled back.
            FieldfareError: as :meth:`apply`.
        """
        path = Path(state_path)
        with lock_state(path):
            state = require_resumable(path, load_state(path), backup_dir)
            changed = changed_settings(settings or state.settings, batch_size, num_workers, executor)
            state = evolve(state, settings=changed)
            if report_dir is not None:
                state = evolve(state, report_dir=str(Path(report_dir).absolute()))
            if retry_failed:
                state = reset_failed(state)
            batch_plan = None
            if batch_plan_path or state.unplanned:
                batch_plan = require_batch_plan(path, state, batch_plan_path)
                state = add_batch_plan(path, state, batch_plan)
            with server_at(server, redis_url, redis_client) as connected:
                run = BatchRun(connected, self.plugins, path, stop or StopRequest(), progress_callback)
                return run.apply(state if batch_plan is None else run.planned(state, batch_plan), report_path)

    def rollback(  # noqa: PLR0913 - as apply
        self,
        state_path: str | Path = DEFAULT_STATE,
        *,
        redis_url: str | None = None,
        redis_client: AnyClient | None = None,
        server: Server | None = None,
        report_path: str | Path | None = None,
        progress_callback: ProgressCallback | None = None,
        force: bool = False,
        num_workers: int | None = None,
        executor: str | None = None,
        index_workers: int | str | None = None,
        max_rate: float | None = None,
        max_latency: float | None = None,
        pause_file: str | Path | None = None,
        stop: StopRequest | None = None,
    ) -> BatchReport:
        """Roll back every started index of a batch, in reverse order; resume an interrupted rollback.

        Args:
            state_path: the state file.
            redis_url: the server of the indexes.
            redis_client: a client of redis-py, instead of ``redis_url``; it stays open.
            server: an open connection of fieldfare, instead of both.
            report_path: the batch report; by default beside the state file.
            progress_callback: called with name, position, total and status.
            force: roll back even if the server has changed since the migrations.
            num_workers: threads for the documents of one index, in place of those and the executor in the settings.
            executor: who works on them, likewise.
            index_workers: how many threads of the server build an index, ``auto`` or ``off``, instead of the
                number in the settings of the batch.
            max_rate: documents per second of each index, instead of the limit in the settings.
            max_latency: milliseconds of the server's latency, instead of the limit in the settings.
            pause_file: while this file exists, the rollback pauses; it replaces the file in the settings.
            stop: set it to stop after the current batch of documents.

        Returns:
            The report; its status is ``rolled_back`` if every index was rolled back.

        Raises:
            BatchStateUnusable: there is no such file.
            LockHeld: another process runs this batch.
            Interrupted: ``stop`` was set.
        """
        self.plugins.raise_if_broken()
        path = Path(state_path)
        with lock_state(path), server_at(server, redis_url, redis_client) as connected:
            state = load_state(path)
            settings = evolve(
                changed_settings(state.settings, None, num_workers, executor),
                index_workers=state.settings.index_workers if index_workers is None else str(index_workers),
                max_rate=max_rate or state.settings.max_rate,
                max_latency=max_latency or state.settings.max_latency,
                pause_file=str(Path(pause_file).absolute()) if pause_file else state.settings.pause_file,
            )
            file = StateFile(path, evolve(state, settings=settings))
            require_backup_dir(path, file.state)
            create_directory(Path(file.state.report_dir))
            migrations = MigrationExecutor(plugins=self.plugins)
            Rollbacks(connected, migrations, file, stop or StopRequest(), force, progress_callback).run()
            return write_batch_report(file, report_path)

    def finalize(  # noqa: PLR0913 - as rollback
        self,
        state_path: str | Path = DEFAULT_STATE,
        *,
        redis_url: str | None = None,
        redis_client: AnyClient | None = None,
        server: Server | None = None,
        progress_callback: ProgressCallback | None = None,
        force: bool = False,
        stop: StopRequest | None = None,
    ) -> BatchFinalization:
        """Finalize every index of a batch in the mode ``shadow``; resume an interrupted finalization.

        Args:
            state_path: the state file.
            redis_url: the server of the indexes.
            redis_client: a client of redis-py, instead of ``redis_url``; it stays open.
            server: an open connection of fieldfare, instead of both.
            progress_callback: called with name, position, total and status.
            force: convert or copy what applications wrote to old fields or keys, and then remove these.
            stop: set it to stop before the next step.

        Returns:
            The result of each index. A failed index does not raise.

        Raises:
            BatchStateUnusable: no such file.
            PreconditionError: the batch is not complete, was rolled back, or leaves nothing to finalize.
            LockHeld: another process runs this batch.
            Interrupted: ``stop`` was set.
        """
        self.plugins.raise_if_broken()
        path = Path(state_path)
        with lock_state(path), server_at(server, redis_url, redis_client) as connected:
            file = StateFile(path, load_state(path))
            require_backup_dir(path, file.state)
            executor = MigrationExecutor(plugins=self.plugins)
            return Finalizations(connected, executor, file, stop or StopRequest(), force, progress_callback).run()

    def status(self, state_path: str | Path = DEFAULT_STATE) -> BatchState:
        """Return the state of a batch. Needs no server; works while the batch runs.

        Raises:
            BatchStateUnusable: there is no such file.
            FileError: it is invalid.
        """
        return load_state(Path(state_path))
