"""``fieldfare switch``."""

from __future__ import annotations

import typer

from fieldfare.cli.next_steps import stage_lines
from fieldfare.cli.options import (
    DEFAULT_URL,
    BackupDirectory,
    BackupIndex,
    Cluster,
    MinOverlap,
    QueryCheckFile,
    ReportOut,
    Url,
)
from fieldfare.cli.output import show
from fieldfare.cli.progress import show_progress
from fieldfare.cli.report_text import show_failure, show_report
from fieldfare.cli.run_options import ReconnectTimeout
from fieldfare.cli.session import Session
from fieldfare.cli.signals import stop_on_signals
from fieldfare.errors import MigrationIncomplete
from fieldfare.hooks.run_defaults import RETRY_SECONDS
from fieldfare.report import Result

__all__ = ["switch"]


def switch(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    backup_dir: BackupDirectory,
    index: BackupIndex = None,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
    retry_for: ReconnectTimeout = RETRY_SECONDS,
    query_check_file: QueryCheckFile = None,
    min_overlap: MinOverlap = None,
    report_out: ReportOut = None,
) -> None:
    """Move names to the index that apply has built.

    For an index that 'apply --no-switch' has built beside the old one. The index is checked once more; if a check
    fails, no name moves. After a crash, the same command resumes the switch.
    """
    session = Session.of(context)
    from fieldfare.api import MigrationExecutor, write_migration_report  # noqa: PLC0415 - start-up time
    from fieldfare.engine.stop import StopRequest  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time

    stop = StopRequest()
    try:
        with connect(url, cluster=cluster) as server, show_progress(session.plugins), stop_on_signals(stop):
            report = MigrationExecutor(plugins=session.plugins).switch(
                server=server,
                backup_dir=backup_dir,
                index=index,
                retry_for=retry_for,
                query_check_file=query_check_file,
                min_overlap=min_overlap,
                stop=stop,
            )
    except MigrationIncomplete as error:
        if report_out is not None and error.report is not None:
            write_migration_report(error.report, report_out)
        show_failure(session, error)
        raise
    if report_out is not None:
        write_migration_report(report, report_out)
    done_before = report.result is Result.NOTHING_TO_DO
    show_report(session, report, title="Nothing to do: the names have moved" if done_before else "Switched")
    if not session.json:
        [migration] = MigrationExecutor(plugins=session.plugins).status(backup_dir, report.index)
        show("\n".join(["", *stage_lines(migration)]))
