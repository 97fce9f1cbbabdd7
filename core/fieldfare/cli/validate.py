"""``fieldfare validate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    backup_option,
)
from fieldfare.cli.output import show
from fieldfare.cli.report_text import show_report
from fieldfare.cli.run_options import Executor
from fieldfare.cli.session import Session
from fieldfare.errors import BackupUnusable, FieldfareError
from fieldfare.hooks.run_defaults import Verify

if TYPE_CHECKING:
    from fieldfare.plan import MigrationPlan
    from fieldfare.storage import BackupPath

__all__ = ["validate"]


def validate(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    plan: Plan = DEFAULT_PLAN,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
    backup_dir: Annotated[
        Any,
        backup_option("Directory or URL with the backup of the migration; with it, documents are compared, too."),
    ] = None,
    verify: Annotated[
        Verify | None,
        typer.Option(help="How many documents are compared with the backup. Default: a sample."),
    ] = None,
    query_check_file: QueryCheckFile = None,
    executor: Executor = None,
    report_out: ReportOut = None,
    benchmark_out: BenchmarkOut = None,
) -> None:
    """Check the live index against the plan. Reads the server, changes nothing. Ends with 1 if a check fails.

    With --executor, workers compare documents with the backup. It takes the lock on the index until it is done.
    """
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
            executor=executor,
        )
    if report_out is not None:
        write_migration_report(report, report_out)
    if benchmark_out is not None:
        from fieldfare.report.benchmark import write_benchmark  # noqa: PLC0415 - start-up time

        write_benchmark(report, benchmark_out)
    passed = report.validation.passed
    show_report(session, report, title="Validation passed" if passed else "Validation failed")
    if not session.json:
        show("\n" + _next(loaded, plan, backup_dir or Path(DEFAULT_BACKUPS), passed=passed))
    if not passed:
        raise typer.Exit(FieldfareError.exit_code)


def _next(loaded: MigrationPlan, path: Path, backup_dir: BackupPath, *, passed: bool) -> str:
    """Return what to run next: without a backup to be seen, nobody knows where it is, or whether there is one."""
    from fieldfare.engine.session import find_backup  # noqa: PLC0415 - start-up time

    try:
        find_backup(backup_dir, loaded.index)
    except BackupUnusable:
        back = command_text(
            "To roll back, with the backup directory of 'apply':",
            command_line("rollback", backup_dir="DIR", index=loaded.index),
        )
        if passed:
            return back
        return (
            command_text("If it is not applied yet:", command_line("apply", plan=path, backup_dir="DIR")) + "\n" + back
        )
    return command_text("To roll back:", command_line("rollback", backup_dir=backup_dir, index=loaded.index))
