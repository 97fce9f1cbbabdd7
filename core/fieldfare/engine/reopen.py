"""Opening the run of a backup again, to roll it back or to finalize it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import evolve, frozen

from fieldfare.backup.journal import Journal
from fieldfare.engine.index_workers import require_known_cores
from fieldfare.engine.next_commands import NextCommands, choices_of
from fieldfare.engine.preflight import refuse_replica
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.session import Session, find_backup, open_session
from fieldfare.engine.stop import StopRequest
from fieldfare.hooks.manager import Plugins
from fieldfare.hooks.run_options import RunOptions
from fieldfare.server import Server
from fieldfare.storage import BackupPath

__all__ = ["ReopenedRun", "reopen_run"]


@frozen
class ReopenedRun:
    """A run whose plan, originals and progress come from its backup.

    Attributes:
        run: the run.
        session: its files and locks.
        warnings: about plugins of other versions than the plan's.
    """

    run: ActiveRun
    session: Session
    warnings: tuple[str, ...]


@contextmanager
def reopen_run(  # noqa: PLR0913 - what a run consists of
    server: Server,
    plugins: Plugins,
    backup_dir: BackupPath,
    *,
    index: str | None,
    options: RunOptions | None,
    stop: StopRequest | None,
) -> Iterator[ReopenedRun]:
    """Take the locks of a run, and read its journal.

    Args:
        server: the server of the index.
        plugins: must hold every plugin that the run's plan names.
        backup_dir: the backup directory of the run.
        index: a name of its index; None if the directory holds one backup.
        options: the user's choices.
        stop: set to stop.

    Raises:
        BackupUnusable: no such backup, or it is damaged.
        PreconditionError: the server is a replica, or its cores are not known.
        PluginError: a plugin is missing or broken.
        LockHeld: another migration holds the directory's files or the index.
    """
    options = options or RunOptions()
    plugins.raise_if_broken()
    refuse_replica(server)
    require_known_cores(server, options)
    started = time.monotonic()
    name = find_backup(backup_dir, index).plan.index
    with open_session(server, name, backup_dir, options, create=False) as session:
        journal = session.load_journal()
        journal.count_time_since(started)
        warnings = plugins.require(journal.plan.plugins)
        run = ActiveRun(
            server,
            journal.plan,
            plugins,
            options,
            journal=journal,
            store=session.store,
            stop=StopRequest() if stop is None else stop,
            lock=session.lock,
        )
        yield ReopenedRun(run, evolve(session, commands=_commands(session, journal, options)), tuple(warnings))


def _commands(session: Session, journal: Journal, options: RunOptions) -> NextCommands:
    """Return the commands that continue: as the run was started, with the workers of this command."""
    commands = NextCommands.of_progress(journal.plan.index, session.commands.backup_dir, journal.progress)
    here = choices_of(options)
    return evolve(commands, choices=evolve(commands.choices, workers=here.workers, executor=here.executor))
