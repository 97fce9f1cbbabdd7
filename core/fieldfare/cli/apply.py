"""``fieldfare apply``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fieldfare.cli.command_line import command_line
from fieldfare.cli.confirmation import confirm_apply
from fieldfare.cli.layout import command_text
from fieldfare.cli.next_steps import VALIDATED, stage_lines
from fieldfare.cli.options import (
    DEFAULT_PLAN,
    DEFAULT_URL,
    BenchmarkOut,
    Cluster,
    MinOverlap,
    NewBackupDirectory,
    Plan,
    QueryCheckFile,
    ReportOut,
    Url,
    Yes,
)
from fieldfare.cli.output import notice, show
from fieldfare.cli.overall_progress import Seconds, at_rate
from fieldfare.cli.progress import show_progress
from fieldfare.cli.report_text import show_failure, show_report
from fieldfare.cli.run_options import (
    AllowOverflow,
    BatchSize,
    Executor,
    IndexTimeout,
    IndexWorkers,
    MaxLatency,
    MaxRate,
    OnConflict,
    PauseFile,
    ReconnectTimeout,
    StallTimeout,
    VerifyOption,
    Workers,
)
from fieldfare.cli.session import Session
from fieldfare.cli.signals import stop_on_signals
from fieldfare.errors import BackupDirectoryRequired, FileError, MigrationIncomplete, OutputLost, ReportLost
from fieldfare.errors.base import single_full_stops
from fieldfare.hooks.run_defaults import RETRY_SECONDS, STALL_SECONDS, Verify
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport, Result

if TYPE_CHECKING:
    from fieldfare.storage import BackupPath

__all__ = ["apply"]


def apply(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    plan: Plan = DEFAULT_PLAN,
    backup_dir: NewBackupDirectory = None,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
    batch_size: BatchSize = 500,
    workers: Workers = 1,
    executor: Executor = None,
    asynchronous: Annotated[
        bool,
        typer.Option("--async", help="Run on an event loop, like programs with asyncio. The result is the same."),
    ] = False,
    retry_for: ReconnectTimeout = RETRY_SECONDS,
    timeout: IndexTimeout = None,
    stall_timeout: StallTimeout = STALL_SECONDS,
    verify: VerifyOption = Verify.SAMPLE,
    allow_overflow: AllowOverflow = False,
    on_conflict: OnConflict = None,
    index_workers: IndexWorkers = None,
    max_rate: MaxRate = None,
    max_latency: MaxLatency = None,
    pause_file: PauseFile = None,
    query_check_file: QueryCheckFile = None,
    min_overlap: MinOverlap = None,
    no_switch: Annotated[
        bool,
        typer.Option(
            "--no-switch",
            help="Build and check a new index beside the source, and do not switch. 'fieldfare switch' does it later.",
        ),
    ] = False,
    report_out: ReportOut = None,
    benchmark_out: BenchmarkOut = None,
    yes: Yes = False,
) -> None:
    """Apply a migration plan. After a crash, the same command resumes it.

    Originals are on disk before anything is changed. In the mode drop_recreate the index cannot be queried
    from the moment it is dropped until the new index is ready. At a terminal, the command asks before that, and before
    information is lost; --yes skips the question. Ctrl-C stops after the current batch.
    """
    session = Session.of(context)
    if backup_dir is None:
        raise BackupDirectoryRequired
    from fieldfare.api import load_migration_plan  # noqa: PLC0415 - start-up time
    from fieldfare.engine.resume import is_applied  # noqa: PLC0415 - start-up time
    from fieldfare.engine.stop import StopRequest  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time

    loaded = load_migration_plan(plan)
    stop = StopRequest()
    try:
        with connect(url, cluster=cluster) as server:
            if loaded.is_unplanned:
                from fieldfare.api import MigrationPlanner  # noqa: PLC0415 - start-up time

                loaded = MigrationPlanner(plugins=session.plugins).with_steps(
                    loaded, server=server, backup_dir=backup_dir
                )
                notice(f"Note: {loaded.warnings[0]}.")
            again = command_line("apply", plan=plan, backup_dir=backup_dir, executor=executor)
            is_new = not is_applied(server, loaded, backup_dir)
            if is_new and (yes or session.json or not confirm_apply(loaded, backup_dir, again=again)):
                _warn_of_losses(loaded)
            expected = _expected(session, loaded, max_rate)
            with show_progress(session.plugins, expected), stop_on_signals(stop):
                report = _apply(
                    session,
                    loaded,
                    asynchronous=asynchronous,
                    server=server,
                    backup_dir=backup_dir,
                    batch_size=batch_size,
                    num_workers=workers,
                    executor=executor,
                    allow={"overflow"} if allow_overflow else (),
                    on_conflict=on_conflict,
                    retry_for=retry_for,
                    timeout=timeout,
                    stall_timeout=stall_timeout,
                    verify=verify.value,
                    query_check_file=query_check_file,
                    min_overlap=min_overlap,
                    switch=not no_switch,
                    plan_path=plan,
                    index_workers=index_workers,
                    max_rate=max_rate,
                    max_latency=max_latency,
                    pause_file=pause_file,
                    stop=stop,
                )
    except MigrationIncomplete as error:
        if error.report is not None:
            try:
                _write(error.report, report_out, benchmark_out)
                show_failure(session, error)
            except (FileError, OutputLost) as lost:
                notice(single_full_stops(f"Warning: the report is lost: {_reason(lost)}."))
        raise
    try:
        _write(report, report_out, benchmark_out)
        _show_report(session, report, plan, backup_dir, executor)
    except (FileError, OutputLost) as lost:
        outputs = {"report_out": report_out, "benchmark_out": benchmark_out}
        again = command_line("apply", plan=plan, backup_dir=backup_dir, executor=executor, **outputs)
        incomplete = ReportLost(_reason(lost), resume=again, rollback=_rollback_command(report, executor))
        incomplete.report = report
        raise incomplete from lost


def _apply(session: Session, loaded: MigrationPlan, *, asynchronous: bool, **choices: Any) -> MigrationReport:
    if asynchronous:
        import asyncio  # noqa: PLC0415 - start-up time

        from fieldfare.api.asynchronous import AsyncMigrationExecutor  # noqa: PLC0415 - start-up time

        return asyncio.run(AsyncMigrationExecutor(plugins=session.plugins).apply(loaded, **choices))
    from fieldfare.api import MigrationExecutor  # noqa: PLC0415 - start-up time

    return MigrationExecutor(plugins=session.plugins).apply(loaded, **choices)


def _expected(session: Session, plan: MigrationPlan, max_rate: float | None) -> Seconds | None:
    """Return the seconds that activities are expected to take; None if the plan does not say."""
    from fieldfare.planning.passes import document_passes  # noqa: PLC0415 - start-up time

    if plan.forecast is None:
        return None
    passes = document_passes(session.plugins, plan)
    return at_rate(plan.forecast.activities, plan.source.stats.num_docs, max_rate, passes)


def _warn_of_losses(loaded: MigrationPlan) -> None:
    """Warn of steps that lose information."""
    lossy = [step.summary for step in loaded.steps if step.lossy]
    if lossy:
        notice(f"Warning: this loses information that only the backup can restore: {'; '.join(lossy)}")


def _write(report: MigrationReport, report_out: Path | None, benchmark_out: Path | None) -> None:
    """Write the files; if there was nothing to do, keep those of the run that did it."""
    keep = report.result is Result.NOTHING_TO_DO
    if report_out is not None and not (keep and report_out.exists()):
        from fieldfare.api import write_migration_report  # noqa: PLC0415 - start-up time

        write_migration_report(report, report_out)
    if benchmark_out is not None and not (keep and benchmark_out.exists()):
        from fieldfare.report.benchmark import write_benchmark  # noqa: PLC0415 - start-up time

        write_benchmark(report, benchmark_out)


def _show_report(
    session: Session, report: MigrationReport, plan_path: Path, backup_dir: BackupPath, executor: str | None
) -> None:
    rollback = _rollback_command(report, executor)
    if session.json or not report.steps:
        show_report(session, report, rollback=rollback)
        return
    waits, continue_lines = _stage(session, report, backup_dir)
    show_report(session, report, title="Built and checked; no name has moved" if waits else "")
    check = command_line("validate", plan=plan_path, backup_dir=report.backup_dir)
    done = [command_text("To roll back:", rollback), command_text("Next:", check)]
    show("\n".join(["", f"The backup is at {report.backup_prefix}.*", *(continue_lines or done)]))


def _stage(session: Session, report: MigrationReport, backup_dir: BackupPath) -> tuple[bool, list[str]]:
    """Return whether an index beside the source waits for the switch, and which command continues."""
    from fieldfare.patch.mode import ModeName  # noqa: PLC0415 - start-up time

    if report.mode != ModeName.SHADOW:
        return False, []
    from fieldfare.api import MigrationExecutor  # noqa: PLC0415 - start-up time

    [migration] = MigrationExecutor(plugins=session.plugins).status(backup_dir, report.index)
    return migration["stage"] == VALIDATED, stage_lines(migration)


def _rollback_command(report: MigrationReport, executor: str | None) -> str:
    return command_line("rollback", backup_dir=report.backup_dir, index=report.index, executor=executor)


def _reason(lost: FileError | OutputLost) -> str:
    return f"{lost.path}: {'; '.join(lost.problems)}" if isinstance(lost, FileError) else f"stdout: {lost.reason}"
