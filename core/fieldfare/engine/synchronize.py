"""Synchronize shadow fields and copies: convert what applications wrote to originals since, once or all the time."""

from __future__ import annotations

from functools import partial

from redis.exceptions import RedisError

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RollbackStatus
from fieldfare.engine.copied_keys import copies_keys, keeps_originals
from fieldfare.engine.modes import mode_of
from fieldfare.engine.next_commands import NextCommands
from fieldfare.engine.reopen import reopen_run
from fieldfare.engine.report_builder import make_report
from fieldfare.engine.retry import with_retries
from fieldfare.engine.rights import require_rights
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.run_reports import reported
from fieldfare.engine.server_identity import check_server_identity
from fieldfare.engine.shadow.convergence import synchronization_of
from fieldfare.engine.shadow.steps import is_built
from fieldfare.engine.shadow.sync_progress import SyncProgress
from fieldfare.engine.shadow.synchronization import Synchronizer
from fieldfare.engine.state import describe_state
from fieldfare.engine.stop import StopRequest, StopRequested
from fieldfare.errors import FieldfareError, Interrupted, PreconditionError, SyncFailed
from fieldfare.hooks.manager import Plugins
from fieldfare.hooks.run_options import RunOptions
from fieldfare.report import MigrationReport, Result
from fieldfare.server import Server
from fieldfare.storage import BackupPath
from fieldfare.support.error_text import error_text

__all__ = ["synchronize"]


def synchronize(  # noqa: PLR0913 - as for a rollback
    server: Server,
    plugins: Plugins,
    backup_dir: BackupPath,
    *,
    index: str | None = None,
    watch: bool = False,
    options: RunOptions | None = None,
    stop: StopRequest | None = None,
    progress: SyncProgress | None = None,
) -> MigrationReport:
    """Convert documents whose original was written since it was last converted.

    Args:
        server: the server of the index.
        plugins: must hold every plugin that the run's plan names.
        backup_dir: the backup directory of the run.
        index: a name of its index; optional if the directory holds one backup.
        watch: whether to follow further changes until ``stop`` is set.
        options: the options of the run.
        stop: set to stop.
        progress: changes while this continues.

    Returns:
        The report; its finding ``sync`` counts documents.

    Raises:
        BackupUnusable: no such backup, or it is damaged.
        PreconditionError: the run has no shadow fields, or none any more; nothing was changed.
        SyncFailed: it failed, and can be run again.
        Interrupted: ``stop`` was set in a single pass.
    """
    with reopen_run(server, plugins, backup_dir, index=index, options=options, stop=stop) as opened:
        run, session, warnings = opened.run, opened.session, opened.warnings
        _require_shadow_fields(run, run.journal, session.commands)
        session.store.sync()
        require_rights(run, ())
        check_server_identity(run, rollback=session.commands.rollback)
        progress = progress or SyncProgress()
        progress.index = run.source.name
        synchronizer = Synchronizer(run, progress)
        try:
            with reported(run, "sync", ends_by_stop=watch) as reporter:
                synchronizer.on_lag = reporter.lags
                with_retries(run, partial(_carry_out, run, synchronizer, watch=watch))
        except StopRequested as request:
            if not watch:
                raise Interrupted("The pass is not complete.", resume=session.commands.sync, rollback=None) from request
        except PreconditionError:
            raise
        except (FieldfareError, RedisError, OSError) as error:
            raise SyncFailed(error_text(error), resume=session.commands.sync) from error
        synchronizer.note_contended()
        return make_report(run, session, Result.SUCCEEDED, findings=synchronizer.findings(), warnings=warnings)


def _carry_out(run: ActiveRun, synchronizer: Synchronizer, *, watch: bool) -> None:
    if not is_built(run):
        raise PreconditionError(f"the index {run.target.name!r} is not there as it was built")
    progress = run.journal.progress
    was_restarted = run.server.has_restarted_since(progress.server_processes)
    if copies_keys(run.plan) and was_restarted:
        synchronization_of(run, may_lack_copies=True).compare_every()
    # every document is compared, whatever a restart has lost
    run.journal.update(
        server_processes=run.server.run_ids(), server_changes=progress.server_changes + int(was_restarted)
    )
    if watch:
        synchronizer.watch()
    else:
        synchronizer.pass_once()


def _require_shadow_fields(run: ActiveRun, journal: Journal, commands: NextCommands) -> None:
    """Refuse what has no shadow fields that can be synchronized.

    Raises:
        PreconditionError: says why.
    """
    if not keeps_originals(run.plan):
        raise PreconditionError("This migration has neither shadow fields nor copies: there is nothing to synchronize")
    state = mode_of(run.plan).state(journal)
    if journal.progress.undo is not RollbackStatus.NONE or state == "finalized":
        raise PreconditionError(f"Nothing was changed: {describe_state(journal)}")
    if state not in {"built", "validated", "switched"}:
        raise PreconditionError(
            f"The migration is not ready for this: {describe_state(journal)}. Nothing was changed. "
            f"First run: {commands.resume}"
        )
