"""Applies plans, and rolls them back."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldfare.api.arguments import (
    require_workers,
    required_backup_dir,
    required_index_workers,
    required_query_checks,
    required_verify,
)
from fieldfare.api.server_argument import server_at
from fieldfare.engine.apply import apply
from fieldfare.engine.load import Limits, require_limits
from fieldfare.engine.session import find_backup, list_backups, throttle
from fieldfare.engine.stop import StopRequest
from fieldfare.errors import UsageError
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.hooks.progress_callback import ProgressCallback, with_progress_callback
from fieldfare.hooks.run_defaults import RETRY_SECONDS, STALL_SECONDS, Verify
from fieldfare.hooks.run_options import RunOptions
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport
from fieldfare.server import Server
from fieldfare.storage import BackupPath, backup_location

if TYPE_CHECKING:
    from fieldfare.engine.shadow.sync_progress import SyncProgress
    from fieldfare.server.client_address import AnyClient

__all__ = ["MigrationExecutor"]


class MigrationExecutor:
    """Applies plans, and rolls them back.

    Args:
        plugins: the plugins that carry out steps; by default every installed plugin.
    """

    def __init__(self, *, plugins: Plugins | None = None) -> None:
        self.plugins = plugins or load_plugins()

    def apply(  # noqa: PLR0913 - the signature in RedisVL's migration guide, and more options
        self,
        plan: MigrationPlan,
        *,
        redis_url: str | None = None,
        redis_client: AnyClient | None = None,
        server: Server | None = None,
        backup_dir: BackupPath | str | None = None,
        batch_size: int = 500,
        num_workers: int = 1,
        executor: str | None = None,
        allow: Collection[str] = (),
        on_conflict: str | None = None,
        retry_for: float = RETRY_SECONDS,
        timeout: float | None = None,
        stall_timeout: float | None = STALL_SECONDS,
        index_workers: int | str | None = None,
        verify: str = Verify.SAMPLE,
        query_check_file: str | Path | None = None,
        min_overlap: float | None = None,
        plan_path: str | Path | None = None,
        switch: bool = True,
        max_rate: float | None = None,
        max_latency: float | None = None,
        pause_file: str | Path | None = None,
        stop: StopRequest | None = None,
        progress_callback: ProgressCallback | None = None,
    ) -> MigrationReport:
        """Carry out a plan; resume the run if an earlier one was interrupted.

        Args:
            plan: from :class:`MigrationPlanner` or :func:`load_migration_plan`.
            redis_url: the URL of the server.
            redis_client: a client of redis-py; fieldfare connects to the same server, instead of ``redis_url``.
            server: an open connection of fieldfare, instead of both.
            backup_dir: the directory for originals and the journal; required.
            batch_size: documents per round trip.
            num_workers: how many threads share the documents; see ``docs/workers.md``.
            executor: who works on documents instead of these threads: ``threads:N``, ``processes:N``, ``dask``,
                ``dask://HOST:PORT``, or what a plugin knows; see ``docs/many-machines.md``.
            allow: names of notes that do not stop the run: ``overflow``.
            on_conflict: ``keep-old`` or ``keep-new``, for documents that have a renamed field under both names.
            retry_for: seconds for which to retry while the server does not answer; 0 to fail at once.
            timeout: seconds to wait until the index is ready; None for no limit.
            stall_timeout: seconds to wait while the build of the index makes no progress; None for no limit.
            index_workers: how many threads of the server build an index, or ``auto``; with None or ``off`` their number
                does not change; see ``docs/load.md``.
            verify: how many rewritten documents are compared with the backup: ``sample``, ``full`` or ``none``.
            query_check_file: queries for the validation, as YAML.
            min_overlap: the minimum overlap of each query that sets none; it replaces the value of the file.
            plan_path: path of the plan file, for messages with the next command.
            switch: whether to move the names to an index that was built beside the source; if not, use :meth:`switch`.
            max_rate: maximum number of documents per second that are read or written.
            max_latency: milliseconds; if the server takes longer to answer a ``PING``, the run slows down, then pauses.
            pause_file: while this file exists, the run pauses.
            stop: set to stop after the current batch.
            progress_callback: called with a step and a detail during the run.

        Raises:
            BackupDirectoryRequired: no ``backup_dir``; a ``ValueError``.
            FieldfareError: as :func:`fieldfare.engine.apply.apply`.
        """
        directory = required_backup_dir(backup_dir)
        require_workers(num_workers, executor)
        if batch_size < 1:
            raise UsageError(f"batch_size={batch_size}: a batch needs at least one document. Nothing was changed.")
        if on_conflict not in (None, "keep-old", "keep-new"):
            raise UsageError(f"on_conflict={on_conflict!r}: it is keep-old, keep-new or None. Nothing was changed.")
        pause_path = Path(pause_file) if pause_file else None
        require_limits(max_rate, max_latency, pause_path)
        options = RunOptions(
            batch_size=batch_size,
            workers=num_workers,
            executor=executor or "",
            allow=frozenset(allow),
            on_conflict=on_conflict,
            retry_for=retry_for,
            timeout=timeout,
            stall_timeout=stall_timeout,
            index_workers=required_index_workers(index_workers),
            verify=required_verify(verify),
            query_checks=required_query_checks(query_check_file, min_overlap),
            query_check_file=Path(query_check_file) if query_check_file else None,
            min_overlap=min_overlap,
            plan_path=Path(plan_path) if plan_path else None,
            switch=switch,
            max_rate=max_rate,
            max_latency=max_latency,
            pause_file=pause_path,
        )
        plugins = with_progress_callback(self.plugins, progress_callback)
        with server_at(server, redis_url, redis_client) as opened:
            if plan.is_unplanned:
                from fieldfare.api.planner import MigrationPlanner  # noqa: PLC0415 - start-up time

                plan = MigrationPlanner(plugins=plugins).with_steps(plan, server=opened, backup_dir=directory)
            return apply(opened, plugins, plan, directory, options=options, stop=stop)

    def switch(
        self,
        /,
        *,
        redis_url: str | None = None,
        redis_client: AnyClient | None = None,
        server: Server | None = None,
        backup_dir: BackupPath | str | None = None,
        index: str | None = None,
        **choices: Any,
    ) -> MigrationReport:
        """Check an index that ``apply(switch=False)`` has built once more, and move the names to it.

        Args:
            redis_url: the URL of the server.
            redis_client: a client of redis-py; fieldfare connects to the same server, instead of ``redis_url``.
            server: an open connection of fieldfare, instead of both.
            backup_dir: the backup directory of the run.
            index: a name of its index; optional if the directory holds one backup.
            **choices: as for :meth:`apply`.

        Raises:
            FieldfareError: as :func:`fieldfare.engine.apply.apply`.
        """
        directory = required_backup_dir(backup_dir)
        journal = find_backup(directory, index)
        choices.setdefault("plan_path", journal.progress.plan_path)
        return self.apply(
            journal.plan,
            redis_url=redis_url,
            redis_client=redis_client,
            server=server,
            backup_dir=directory,
            **choices,
        )

    def finalize(  # noqa: PLR0913 - as for a rollback
        self,
        *,
        redis_url: str | None = None,
        redis_client: AnyClient | None = None,
        server: Server | None = None,
        backup_dir: BackupPath | str | None = None,
        index: str | None = None,
        retry_for: float = RETRY_SECONDS,
        force: bool = False,
        stop: StopRequest | None = None,
        progress_callback: ProgressCallback | None = None,
    ) -> MigrationReport:
        """Remove what is no longer needed after a switch: the source index, old fields and old keys.

        Documents and the backup stay.

        Args:
            redis_url: the URL of the server.
            redis_client: a client of redis-py; fieldfare connects to the same server, instead of ``redis_url``.
            server: an open connection of fieldfare, instead of both.
            backup_dir: the backup directory of the run.
            index: a name of its index; optional if the directory holds one backup.
            retry_for: as for :meth:`apply`.
            force: if applications have written old fields or keys since the last sync, convert these and then remove
                them; without it, this is an error.
            stop: set to stop before the next step.
            progress_callback: called with a step and a detail.

        Raises:
            FieldfareError: as :func:`fieldfare.engine.finalize.finalize`.
        """
        from fieldfare.engine.finalize import finalize  # noqa: PLC0415 - start-up time

        directory = required_backup_dir(backup_dir)
        plugins = with_progress_callback(self.plugins, progress_callback)
        options = RunOptions(retry_for=retry_for, force=force)
        with server_at(server, redis_url, redis_client) as opened:
            return finalize(opened, plugins, directory, index=index, options=options, stop=stop)

    def rollback(  # noqa: PLR0913 - what a rollback consists of
        self,
        *,
        redis_url: str | None = None,
        redis_client: AnyClient | None = None,
        server: Server | None = None,
        backup_dir: BackupPath | str | None = None,
        index: str | None = None,
        num_workers: int = 1,
        executor: str | None = None,
        retry_for: float = RETRY_SECONDS,
        force: bool = False,
        restore_own_name: bool = False,
        index_workers: int | str | None = None,
        max_rate: float | None = None,
        max_latency: float | None = None,
        pause_file: str | Path | None = None,
        stop: StopRequest | None = None,
        progress_callback: ProgressCallback | None = None,
    ) -> MigrationReport:
        """Roll back a run.

        Args:
            redis_url: the URL of the server.
            redis_client: a client of redis-py; fieldfare connects to the same server, instead of ``redis_url``.
            server: an open connection of fieldfare, instead of both.
            backup_dir: the backup directory of the run.
            index: the name of its source or target; optional if the directory holds one backup.
            num_workers: number of threads; at most the number of shards that the run had are used.
            executor: as for :meth:`apply`.
            retry_for: as for :meth:`apply`.
            force: drop the index with the target's name even if it has another definition, and restore the source index
                even if the server has none of its documents.
            restore_own_name: after a run in the mode ``alter`` or ``shadow``: make the name an index again, if it was
                an index before the run. Queries fail or lack documents until that index is built. Without it, the
                name is an alias.
            index_workers: as for :meth:`apply`.
            max_rate: as for :meth:`apply`.
            max_latency: as for :meth:`apply`.
            pause_file: as for :meth:`apply`.
            stop: set to stop after the current batch.
            progress_callback: called with a step and a detail during the rollback.

        Raises:
            FieldfareError: as :func:`fieldfare.engine.rollback.rollback`.
        """
        from fieldfare.engine.rollback import rollback  # noqa: PLC0415 - start-up time

        directory = required_backup_dir(backup_dir)
        require_workers(num_workers, executor)
        pause_path = Path(pause_file) if pause_file else None
        require_limits(max_rate, max_latency, pause_path)
        options = RunOptions(
            workers=num_workers,
            executor=executor or "",
            retry_for=retry_for,
            force=force,
            restore_own_name=restore_own_name,
            index_workers=required_index_workers(index_workers),
            max_rate=max_rate,
            max_latency=max_latency,
            pause_file=pause_path,
        )
        plugins = with_progress_callback(self.plugins, progress_callback)
        with server_at(server, redis_url, redis_client) as opened:
            return rollback(opened, plugins, directory, index=index, options=options, stop=stop)

    def sync(  # noqa: PLR0913 - as for a rollback
        self,
        *,
        redis_url: str | None = None,
        redis_client: AnyClient | None = None,
        server: Server | None = None,
        backup_dir: BackupPath | str | None = None,
        index: str | None = None,
        watch: bool = False,
        batch_size: int = RunOptions().batch_size,
        retry_for: float = RETRY_SECONDS,
        max_rate: float | None = None,
        max_latency: float | None = None,
        stop: StopRequest | None = None,
        progress_callback: ProgressCallback | None = None,
        progress: SyncProgress | None = None,
    ) -> MigrationReport:
        """Convert or copy what applications have written to old fields or old keys since the last conversion.

        Values that applications have written to shadow fields or new keys do not change.

        Args:
            redis_url: the URL of the server.
            redis_client: a client of redis-py; fieldfare connects to the same server, instead of ``redis_url``.
            server: an open connection of fieldfare, instead of both.
            backup_dir: the backup directory of the run.
            index: a name of its index; optional if the directory holds one backup.
            watch: continue with all later writes, until ``stop`` is set.
            batch_size: documents per batch.
            retry_for: as for :meth:`apply`.
            max_rate: as for :meth:`apply`.
            max_latency: as for :meth:`apply`.
            stop: set to stop; with ``watch`` this is the usual end.
            progress_callback: called with a step and a detail.
            progress: its attributes show how far behind the conversion is; any thread can read them.

        Raises:
            FieldfareError: as :func:`fieldfare.engine.synchronize.synchronize`.
        """
        from fieldfare.engine.synchronize import synchronize  # noqa: PLC0415 - start-up time

        directory = required_backup_dir(backup_dir)
        require_limits(max_rate, max_latency)
        plugins = with_progress_callback(self.plugins, progress_callback)
        options = RunOptions(batch_size=batch_size, retry_for=retry_for, max_rate=max_rate, max_latency=max_latency)
        with server_at(server, redis_url, redis_client) as opened:
            return synchronize(
                opened, plugins, directory, index=index, watch=watch, options=options, stop=stop, progress=progress
            )

    def status(self, backup_dir: BackupPath | str, index: str | None = None) -> list[dict[str, Any]]:
        """Return the progress of each run in a backup directory; needs no server.

        Raises:
            BackupUnusable: no such directory, or no such backup in it.
        """
        return list_backups(backup_location(backup_dir), index)

    def throttle(  # noqa: PLR0913 - what can be changed
        self,
        backup_dir: BackupPath | str,
        index: str | None = None,
        *,
        max_rate: float | None = None,
        max_latency: float | None = None,
        paused: bool | None = None,
        off: bool = False,
    ) -> dict[str, Limits]:
        """Change the limits of active runs; needs no server. A run uses the new limits within half a second.

        Args:
            backup_dir: the backup directory of the runs.
            index: source or target name of one run; None for every active run of the directory.
            max_rate: documents per second, as for :meth:`apply`; None for no change.
            max_latency: milliseconds, as for :meth:`apply`; None for no change.
            paused: whether to pause; None for no change.
            off: first remove every limit and a pause.

        Returns:
            Source index → the new limits of its run.

        Raises:
            UsageError: a limit is not a number above 0, or there is nothing to change.
            BackupUnusable: no run is active.
        """
        require_limits(max_rate, max_latency)
        if (max_rate, max_latency, paused, off) == (None, None, None, False):
            raise UsageError(
                "Nothing to change: give --max-rate, --max-latency, --pause, --resume or --off. Nothing was changed."
            )
        return throttle(
            backup_location(backup_dir), index, off=off, max_rate=max_rate, max_latency=max_latency, paused=paused
        )
