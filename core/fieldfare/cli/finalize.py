"""``fieldfare finalize``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from fieldfare.cli.command_line import command_line
from fieldfare.cli.confirmation import require_agreement, require_terminal
from fieldfare.cli.layout import command_text
from fieldfare.cli.options import DEFAULT_URL, BackupDirectory, BackupIndex, Cluster, Url, Yes
from fieldfare.cli.output import show
from fieldfare.cli.progress import show_progress
from fieldfare.cli.report_text import show_report
from fieldfare.cli.run_options import ConvertFirst, ReconnectTimeout
from fieldfare.cli.session import Session
from fieldfare.cli.signals import stop_on_signals
from fieldfare.hooks.run_defaults import RETRY_SECONDS
from fieldfare.report import Result

if TYPE_CHECKING:
    from fieldfare.plan import MigrationPlan
    from fieldfare.storage import BackupPath

__all__ = ["finalize"]


def finalize(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    backup_dir: BackupDirectory,
    index: BackupIndex = None,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
    yes: Yes = False,
    force: ConvertFirst = False,
    retry_for: ReconnectTimeout = RETRY_SECONDS,
) -> None:
    """Remove the old index, and old values or keys.

    The switch keeps them for a rollback: the old index, the old fields that now have a shadow field, and the old keys
    of copied documents. Values that are not in the backup yet are saved first. All other documents and the backup
    stay: a later rollback builds the old index again. After a crash, the same command resumes the work.
    """
    session = Session.of(context)
    from fieldfare.api import MigrationExecutor  # noqa: PLC0415 - start-up time
    from fieldfare.engine.finalize import is_complete  # noqa: PLC0415 - start-up time
    from fieldfare.engine.modes import mode_of  # noqa: PLC0415 - start-up time
    from fieldfare.engine.session import find_backup  # noqa: PLC0415 - start-up time
    from fieldfare.engine.stop import StopRequest  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time

    journal = None if yes else find_backup(backup_dir, index)
    if journal is not None and is_complete(journal) and mode_of(journal.plan).state(journal) != "finalized":
        _confirm(journal.plan, backup_dir=backup_dir, index=index, session=session)
    stop = StopRequest()
    with connect(url, cluster=cluster) as server, show_progress(session.plugins), stop_on_signals(stop):
        report = MigrationExecutor(plugins=session.plugins).finalize(
            server=server, backup_dir=backup_dir, index=index, retry_for=retry_for, force=force, stop=stop
        )
    done_before = report.result is Result.NOTHING_TO_DO
    show_report(session, report, title="Nothing to do: it is finalized" if done_before else "Finalized")
    if not session.json:
        again = command_line("rollback", backup_dir=backup_dir, index=report.index)
        show("\n" + command_text("To roll back:", again))


def _confirm(plan: MigrationPlan, *, backup_dir: BackupPath, index: str | None, session: Session) -> None:
    require_terminal(session, "finalize asks before it drops the old index")
    require_agreement(_question(plan), again=command_line("finalize", backup_dir=backup_dir, index=index))


def _question(plan: MigrationPlan) -> str:
    from fieldfare.engine.copied_keys import copies_keys  # noqa: PLC0415 - start-up time
    from fieldfare.engine.shadow_paths import shadow_paths  # noqa: PLC0415 - start-up time

    if copies_keys(plan):
        return (
            f"Drop the old index {plan.index!r}, and remove the old keys of its documents? The backup will have them."
        )
    old_fields = ", ".join(map(repr, shadow_paths(plan)))
    if not old_fields:
        return f"Drop the old index {plan.index!r}? Documents stay."
    return f"Drop the old index {plan.index!r}, and remove the old values of {old_fields}? The backup will have them."
