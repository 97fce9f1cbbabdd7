"""``fieldfare batch-apply``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fieldfare.cli.options import DEFAULT_URL, Cluster, NewBackupDirectory, Url, directory_option, file_option
from fieldfare.cli.output import notice
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
    VerifyOption,
    Workers,
)
from fieldfare.cli.session import Session
from fieldfare.errors import BackupDirectoryRequired
from fieldfare.hooks.run_defaults import RETRY_SECONDS, Verify
from fieldfare_batch.commands.options import (
    DEFAULT_BATCH_PLAN,
    DEFAULT_REPORTS,
    DEFAULT_STATE,
    AcceptDataLoss,
    BatchReportOut,
    State,
)
from fieldfare_batch.commands.outcome import require_data_loss_accepted, run_batch

__all__ = ["batch_apply"]


def batch_apply(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    plan: Annotated[Path, file_option("Batch plan, as 'fieldfare batch-plan' wrote it.")] = DEFAULT_BATCH_PLAN,
    backup_dir: NewBackupDirectory = None,
    accept_data_loss: AcceptDataLoss = False,
    state: State = DEFAULT_STATE,
    report_dir: Annotated[Path, directory_option("Directory for the reports of indexes.")] = DEFAULT_REPORTS,
    report_out: BatchReportOut = None,
    parallel: Annotated[
        int,
        typer.Option(help="Indexes to migrate at the same time, if they share no keys.", metavar="N", min=1),
    ] = 1,
    batch_size: BatchSize = 500,
    workers: Workers = 1,
    executor: Executor = None,
    retry_for: ReconnectTimeout = RETRY_SECONDS,
    timeout: IndexTimeout = None,
    verify: VerifyOption = Verify.SAMPLE,
    allow_overflow: AllowOverflow = False,
    on_conflict: OnConflict = None,
    index_workers: IndexWorkers = None,
    max_rate: MaxRate = None,
    max_latency: MaxLatency = None,
    pause_file: PauseFile = None,
    no_switch: Annotated[
        bool,
        typer.Option(
            "--no-switch",
            help="In the mode shadow: build and check all indexes, and do not switch. 'batch-resume --switch' does it.",
        ),
    ] = False,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
) -> None:
    """Apply a batch plan, index by index. After a crash, the same command resumes it.

    The state file is written after every transition. Ctrl-C stops after the current batch of documents.
    'batch-plan --failure-policy' decides whether a failure stops the batch. In the mode shadow, names move when all
    indexes are built and checked: all of them, or none.
    """
    session = Session.of(context)
    if backup_dir is None:
        raise BackupDirectoryRequired
    from fieldfare_batch.executor import BatchMigrationExecutor  # noqa: PLC0415 - start-up time
    from fieldfare_batch.plan_file import load_batch_plan  # noqa: PLC0415 - start-up time
    from fieldfare_batch.state import Settings  # noqa: PLC0415 - start-up time

    loaded = load_batch_plan(plan)
    for line in loaded.warnings if loaded.is_unplanned else ():
        notice(f"Note: {line}.")
    require_data_loss_accepted(loaded.applicable, accepted=accept_data_loss)
    settings = Settings(
        batch_size=batch_size,
        num_workers=workers,
        executor=executor,
        parallel=parallel,
        allow_overflow=allow_overflow,
        on_conflict=on_conflict,
        retry_for=retry_for,
        timeout=timeout,
        verify=verify.value,
        index_workers=index_workers,
        max_rate=max_rate,
        max_latency=max_latency,
        pause_file=str(pause_file.absolute()) if pause_file else None,
        switch=not no_switch,
    )
    apply = BatchMigrationExecutor(plugins=session.plugins).apply
    run = partial(apply, loaded, batch_plan_path=plan, report_dir=report_dir, backup_dir=backup_dir, settings=settings)
    run_batch(run, session=session, state_path=state, report_path=report_out, url=url, cluster=cluster)
