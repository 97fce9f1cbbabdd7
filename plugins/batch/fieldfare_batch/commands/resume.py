"""``fieldfare batch-resume``."""

from __future__ import annotations

from typing import Annotated

import typer

from fieldfare.cli.options import DEFAULT_URL, AllowOverflow, Cluster, OnConflictOption, Url
from fieldfare.cli.session import Session
from fieldfare.cli.signals import stop_on_signals
from fieldfare_batch.commands.options import DEFAULT_STATE, AcceptDataLoss, BatchReportOut, State
from fieldfare_batch.commands.outcome import refuse_data_loss, tell

__all__ = ["batch_resume"]


def batch_resume(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    state: State = DEFAULT_STATE,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Migrate those that failed, too, now that the cause is gone.")
    ] = False,
    accept_data_loss: AcceptDataLoss = False,
    backup_dir: Annotated[
        str | None,
        typer.Option(help="As of 'batch-apply', which the state remembers. Another one is refused.", metavar="DIR"),
    ] = None,
    report_out: BatchReportOut = None,
    parallel: Annotated[
        int | None, typer.Option(help="Indexes at the same time. Left out, as before.", metavar="N", min=1)
    ] = None,
    allow_overflow: AllowOverflow = False,
    on_conflict: OnConflictOption = None,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
) -> None:
    """Go on with a batch that stopped half-way.

    The state knows everything else: plans, backups, reports and the options of 'batch-apply'.
    """
    session = Session.of(context)
    from attrs import evolve  # noqa: PLC0415 - start-up time

    from fieldfare.engine.stop import StopRequest  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time
    from fieldfare_batch.display import show_batch  # noqa: PLC0415 - start-up time
    from fieldfare_batch.executor import BatchMigrationExecutor, default_report_path  # noqa: PLC0415 - start-up time
    from fieldfare_batch.state import Status  # noqa: PLC0415 - start-up time

    executor = BatchMigrationExecutor(plugins=session.plugins)
    recorded = executor.status(state)
    todo = recorded.having(Status.PENDING, Status.IN_PROGRESS, *([Status.FAILED] if retry_failed else []))
    refuse_data_loss({each.name: each.lossy for each in todo}, accepted=accept_data_loss)
    settings = evolve(
        recorded.settings,
        parallel=parallel or recorded.settings.parallel,
        allow_overflow=allow_overflow or recorded.settings.allow_overflow,
        on_conflict=on_conflict.value if on_conflict else recorded.settings.on_conflict,
    )
    stop = StopRequest()
    with (
        connect(url, cluster=cluster) as server,
        show_batch(session.plugins) as display,
        stop_on_signals(stop),
    ):
        report = executor.resume(
            state,
            server=server,
            backup_dir=backup_dir,
            retry_failed=retry_failed,
            report_path=report_out,
            progress_callback=display,
            settings=settings,
            stop=stop,
        )
    path = state.absolute()
    tell(session, report, executor.status(path), path, (report_out or default_report_path(path)).absolute())
