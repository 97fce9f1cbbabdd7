"""The run that a validation looks at: a migration that is complete, with the workers that compare its documents."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fieldfare.engine.executors import open_workers
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.session import open_session, read_backup
from fieldfare.hooks.manager import Plugins
from fieldfare.hooks.run_options import RunOptions
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare.storage import BackupPath, backup_location

__all__ = ["open_validation"]


@contextmanager
def open_validation(
    server: Server, plugins: Plugins, plan: MigrationPlan, backup_dir: BackupPath | str | None, options: RunOptions
) -> Iterator[ActiveRun]:
    """Open a complete migration to look at it. With an executor it takes the lock on the index, which workers follow.

    Args:
        server: the server of the index.
        plugins: must hold every plugin that the plan names.
        plan: what was carried out.
        backup_dir: where its backup is; None to look at the index alone.
        options: the user's.

    Raises:
        BackupUnusable: there is no backup of this plan, or the run is not complete, or was rolled back.
        LockHeld: with an executor, another command works on the index.
        PreconditionError: workers cannot do the work.
    """
    with read_backup(backup_dir, plan) as (journal, store):
        if backup_dir is None or not options.executor:
            yield ActiveRun(server, plan, plugins, options, journal=journal, store=store)
            return
    with (
        open_session(server, plan.index, backup_location(backup_dir), options, create=False) as session,
        open_workers(server, plugins, plan, session, options) as workers,
    ):
        yield ActiveRun(
            server,
            plan,
            plugins,
            workers.options,
            journal=session.load_journal(),
            store=session.store,
            lock=session.lock,
            pool=workers.pool,
        )
