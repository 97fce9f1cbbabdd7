"""``fieldfare batch-apply``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fieldfare.cli.options import (
    DEFAULT_URL,
    AllowOverflow,
    BatchSize,
    Cluster,
    NewBackupDirectory,
    OnConflictOption,
    RetryFor,
    Timeout,
    Url,
    VerifyOption,
    Workers,
)
from fieldfare.cli.session import Session
from fieldfare.cli.signals import stop_on_signals
from fieldfare.engine.options import RETRY_SECONDS, Verify
from fieldfare.errors import BackupDirectoryRequired
from fieldfare_batch.commands.options import (
    DEFAULT_BATCH_PLAN,
    DEFAULT_REPORTS,
    DEFAULT_STATE,
    AcceptDataLoss,
    BatchReportOut,
    State,
)
from fieldfare_batch.commands.outcome import refuse_data_loss, tell

__all__ = ["batch_apply"]


def batch_apply(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    plan: Annotated[
        Path, typer.Option(help="Batch plan, as 'fieldfare batch-plan' wrote it.", metavar="FILE", dir_okay=False)
    ] = DEFAULT_BATCH_PLAN,
    backup_dir: NewBackupDirectory = None,
    accept_data_loss: AcceptDataLoss = False,
    state: State = DEFAULT_STATE,
    report_dir: Annotated[
        Path, typer.Option(help="Directory for the reports of indexes.", metavar="DIR", file_okay=False)
    ] = DEFAULT_REPORTS,
    report_out: BatchReportOut = None,
    parallel: Annotated[
        int, typer.Option(help="Indexes at the same time, where they share no keys.", metavar="N", min=1)
    ] = 1,
    batch_size: BatchSize = 500,
    workers: Workers = 1,
    retry_for: RetryFor = RETRY_SECONDS,
    timeout: Timeout = None,
    verify: VerifyOption = Verify.SAMPLE,
    allow_overflow: AllowOverflow = False,
    on_conflict: OnConflictOption = None,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
) -> None:
    """Carry out a batch plan, index by index. The same command again goes on after a crash.

    The record of how far the batch got is written after every transition. Ctrl-C stops after the current
    batch of documents. Whether a failure stops the batch was said with 'batch-plan --failure-policy'.
    """
    session = Session.of(context)
    if not backup_dir:
        raise BackupDirectoryRequired
    from fieldfare.engine.stop import StopRequest  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time
    from fieldfare_batch.display import show_batch  # noqa: PLC0415 - start-up time
    from fieldfare_batch.executor import BatchMigrationExecutor, default_report_path  # noqa: PLC0415 - start-up time
    from fieldfare_batch.plan_file import load_batch_plan  # noqa: PLC0415 - start-up time
    from fieldfare_batch.state import Settings  # noqa: PLC0415 - start-up time

    loaded = load_batch_plan(plan)
    refuse_data_loss({each.name: each.lossy for each in loaded.applicable}, accepted=accept_data_loss)
    executor = BatchMigrationExecutor(plugins=session.plugins)
    stop = StopRequest()
    with (
        connect(url, cluster=cluster) as server,
        show_batch(session.plugins) as display,
        stop_on_signals(stop),
    ):
        report = executor.apply(
            loaded,
            server=server,
            state_path=state,
            report_dir=report_dir,
            report_path=report_out,
            backup_dir=backup_dir,
            progress_callback=display,
            settings=Settings(
                batch_size=batch_size,
                num_workers=workers,
                parallel=parallel,
                allow_overflow=allow_overflow,
                on_conflict=on_conflict and on_conflict.value,
                retry_for=retry_for,
                timeout=timeout,
                verify=verify.value,
            ),
            stop=stop,
        )
    path = state.absolute()
    tell(session, report, executor.status(path), path, (report_out or default_report_path(path)).absolute())
