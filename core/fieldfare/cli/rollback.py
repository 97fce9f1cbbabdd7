"""``fieldfare rollback``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fieldfare.cli.command_line import command_line
from fieldfare.cli.options import (
    DEFAULT_URL,
    BackupDirectory,
    Cluster,
    IndexWorkers,
    MaxLatency,
    MaxRate,
    PauseFile,
    ReconnectTimeout,
    Url,
)
from fieldfare.cli.output import notice, show, show_json
from fieldfare.cli.progress import show_progress
from fieldfare.cli.report_text import report_text
from fieldfare.cli.session import Session
from fieldfare.cli.signals import stop_on_signals
from fieldfare.errors import FieldfareError, Interrupted, RollbackFailed
from fieldfare.hooks.run_options import RETRY_SECONDS
from fieldfare.report import MigrationReport, Result

if TYPE_CHECKING:
    from fieldfare.api import MigrationExecutor

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
    yes: Annotated[
        bool,
        typer.Option(
            "--yes",
            "-y",
            help="Do not ask. Without --index, roll back every migration in the directory, the newest first.",
        ),
    ] = False,
    workers: Annotated[
        int, typer.Option(help="How many workers share the documents, if as many migrated them.", metavar="N", min=1)
    ] = 1,
    retry_for: ReconnectTimeout = RETRY_SECONDS,
    index_workers: IndexWorkers = None,
    max_rate: MaxRate = None,
    max_latency: MaxLatency = None,
    pause_file: PauseFile = None,
    force: Annotated[
        bool, typer.Option("--force", help="Roll back even if the server has changed since the migration.")
    ] = False,
    restore_own_name: Annotated[
        bool,
        typer.Option(
            "--restore-own-name",
            help="Make the name of an index that is an alias by now the index's own again. "
            "Until that is built, queries of the name fail or find too little.",
        ),
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
    executor = MigrationExecutor(plugins=session.plugins)
    indexes = _all_indexes(executor, backup_dir) if yes and index is None else [index]
    reports: list[MigrationReport] = []
    with connect(url, cluster=cluster) as server, show_progress(session.plugins), stop_on_signals(stop):
        for name in indexes:
            report = executor.rollback(
                server=server,
                backup_dir=backup_dir,
                index=name,
                num_workers=workers,
                retry_for=retry_for,
                force=force,
                restore_own_name=restore_own_name,
                index_workers=index_workers,
                max_rate=max_rate,
                max_latency=max_latency,
                pause_file=pause_file,
                stop=stop,
            )
            reports.append(report)
            if not session.json:
                done_before = report.result is Result.NOTHING_TO_DO
                show(report_text(report, title=NOTHING_LEFT if done_before else ""))
    if session.json:
        from fieldfare.report.file import report_to_dict  # noqa: PLC0415 - start-up time

        documents = list(map(report_to_dict, reports))
        show_json(documents[0] if len(documents) == 1 else {"rollbacks": documents})
    if not all(each.validation.passed for each in reports):
        raise typer.Exit(RollbackFailed.exit_code)


def _all_indexes(executor: MigrationExecutor, backup_dir: Path) -> list[str | None]:
    """Return the indexes of all migrations in a directory, the newest first; None for the only one."""
    backups = executor.status(backup_dir)
    newest = sorted(backups, key=lambda each: str(each["started_at"]), reverse=True)
    return [str(each["index"]) for each in newest] if len(newest) > 1 else [None]


def _confirm(backup_dir: Path, index: str | None) -> bool:
    what = f"the migration of {index!r}" if index else "the migration"
    try:
        return typer.confirm(f"Roll back {what} recorded in {backup_dir}?", err=True)
    except typer.Abort:  # Ctrl-C, and Ctrl-D
        notice("")
        again = command_line("rollback", backup_dir=backup_dir, index=index)
        raise Interrupted("Nothing was changed.", resume=again) from None
