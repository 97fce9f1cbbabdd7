"""``fieldfare validate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fieldfare.cli.command_line import command_line
from fieldfare.cli.layout import command_text
from fieldfare.cli.options import (
    DEFAULT_BACKUPS,
    DEFAULT_PLAN,
    DEFAULT_URL,
    BenchmarkOut,
    Cluster,
    Plan,
    QueryCheckFile,
    ReportOut,
    Url,
    directory_option,
)
from fieldfare.cli.output import show
from fieldfare.cli.report_text import show_report
from fieldfare.cli.session import Session
from fieldfare.errors import FieldfareError
from fieldfare.hooks.run_options import Verify

__all__ = ["validate"]


def validate(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    plan: Plan = DEFAULT_PLAN,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
    backup_dir: Annotated[
        Path | None,
        directory_option("Directory with the backup of the migration: if given, documents are compared, too."),
    ] = None,
    verify: Annotated[
        Verify | None,
        typer.Option(help="How many documents are compared with the backup. Left out, a sample."),
    ] = None,
    query_check_file: QueryCheckFile = None,
    report_out: ReportOut = None,
    benchmark_out: BenchmarkOut = None,
) -> None:
    """Check the live index against the plan. Reads the server, changes nothing; ends with 1 if a check fails."""
    session = Session.of(context)
    from fieldfare.api import (  # noqa: PLC0415 - start-up time
        MigrationValidator,
        load_migration_plan,
        write_migration_report,
    )
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time

    loaded = load_migration_plan(plan)
    with connect(url, cluster=cluster) as server:
        report = MigrationValidator(plugins=session.plugins).validate(
            loaded,
            server=server,
            backup_dir=backup_dir,
            verify=verify and verify.value,
            query_check_file=query_check_file,
        )
    if report_out is not None:
        write_migration_report(report, report_out)
    if benchmark_out is not None:
        from fieldfare.report.benchmark import write_benchmark  # noqa: PLC0415 - start-up time

        write_benchmark(report, benchmark_out)
    passed = report.validation.passed
    show_report(session, report, title="Validation passed" if passed else "Validation failed")
    if not session.json:
        back = command_line("rollback", backup_dir=backup_dir or DEFAULT_BACKUPS, index=loaded.index)
        show("\n" + command_text("To roll back:", back))
    if not passed:
        raise typer.Exit(FieldfareError.exit_code)
