"""``fieldfare rollback``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from fieldfare.cli.command_line import command_line
from fieldfare.cli.options import DEFAULT_URL, BackupDirectory, Cluster, ReconnectTimeout, Url
from fieldfare.cli.output import notice
from fieldfare.cli.progress import show_progress
from fieldfare.cli.report_text import show_report
from fieldfare.cli.session import Session
from fieldfare.cli.signals import stop_on_signals
from fieldfare.errors import FieldfareError, Interrupted, RollbackFailed
from fieldfare.hooks.run_options import RETRY_SECONDS
from fieldfare.report import Result

__all__ = ["rollback"]

NOTHING_LEFT: Final = "Nothing to do: everything is rolled back"


def rollback(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    backup_dir: BackupDirectory,
    index: Annotated[
        str | None,
        typer.Option(
            "--index",
            "-i",
            help="Index of the migration, if the directory holds several: its name before.",
            metavar="NAME",
        ),
    ] = None,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. Nothing is asked in scripts either.")] = False,
    workers: Annotated[
        int, typer.Option(help="How many workers share the documents, if as many migrated them.", metavar="N", min=1)
    ] = 1,
    retry_for: ReconnectTimeout = RETRY_SECONDS,
    force: Annotated[
        bool, typer.Option("--force", help="Roll back even if the server has changed since the migration.")
    ] = False,
) -> None:
    """Roll back a migration, from the backup alone.

    Restores the original bytes of documents, the index, its synonyms and its aliases. Works after success
    and after a failure at any point; the same command again resumes it.
    """
    session = Session.of(context)
    if sys.stdin.isatty() and not yes and not session.json and not _confirm(backup_dir, index):
        notice("Nothing was changed.")
        raise typer.Exit(FieldfareError.exit_code)
    from fieldfare.api import MigrationExecutor  # noqa: PLC0415 - start-up time
    from fieldfare.engine.stop import StopRequest  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time

    stop = StopRequest()
    with connect(url, cluster=cluster) as server, show_progress(session.plugins), stop_on_signals(stop):
        report = MigrationExecutor(plugins=session.plugins).rollback(
            server=server,
            backup_dir=backup_dir,
            index=index,
            num_workers=workers,
            retry_for=retry_for,
            force=force,
            stop=stop,
        )
    show_report(session, report, title=NOTHING_LEFT if report.result is Result.NOTHING_TO_DO else "")
    if not report.validation.passed:
        raise typer.Exit(RollbackFailed.exit_code)


def _confirm(backup_dir: Path, index: str | None) -> bool:
    what = f"the migration of {index!r}" if index else "the migration"
    try:
        return typer.confirm(f"Roll back {what} recorded in {backup_dir}?", err=True)
    except typer.Abort:  # Ctrl-C, and Ctrl-D
        notice("")
        again = command_line("rollback", backup_dir=backup_dir, index=index)
        raise Interrupted("Nothing was changed.", resume=again) from None
