"""``fieldfare batch-resume``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from fieldfare.cli.options import DEFAULT_URL, Cluster, Url, backup_option
from fieldfare.cli.run_options import AllowOverflow, Executor, IndexWorkers, MaxLatency, MaxRate, OnConflict, PauseFile
from fieldfare.cli.session import Session
from fieldfare_batch.commands.options import DEFAULT_STATE, AcceptDataLoss, BatchReportOut, State
from fieldfare_batch.commands.outcome import require_data_loss_accepted, run_batch

__all__ = ["batch_resume"]


def batch_resume(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    state: State = DEFAULT_STATE,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Migrate failed indexes again, too. Fix the cause first.")
    ] = False,
    accept_data_loss: AcceptDataLoss = False,
    backup_dir: Annotated[
        Any,
        backup_option("Must be the directory or URL of 'batch-apply', which the state file holds."),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            help="Batch plan, if it is not where the state file says. Needed for a state file of RedisVL.",
            metavar="FILE",
            dir_okay=False,
        ),
    ] = None,
    report_dir: Annotated[
        Path | None, typer.Option(help="Directory for the reports of indexes. Default: as before.", metavar="DIR")
    ] = None,
    report_out: BatchReportOut = None,
    parallel: Annotated[
        int | None, typer.Option(help="Indexes to migrate at the same time. Default: as before.", metavar="N", min=1)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Documents per round trip. Default: as before.", metavar="N", min=1)
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="How many workers share the documents of an index. Default: as before.", metavar="N", min=1),
    ] = None,
    executor: Executor = None,
    allow_overflow: AllowOverflow = False,
    on_conflict: OnConflict = None,
    index_workers: IndexWorkers = None,
    max_rate: MaxRate = None,
    max_latency: MaxLatency = None,
    pause_file: PauseFile = None,
    switch: Annotated[
        bool | None,
        typer.Option(
            "--switch/--no-switch",
            help="In the mode shadow: whether names move when all indexes are built. Default: as before.",
        ),
    ] = None,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
) -> None:
    """Resume a batch that stopped.

    The state file holds everything else: plans, backups, reports and the options of 'batch-apply'.
    """
    session = Session.of(context)
    from attrs import evolve  # noqa: PLC0415 - start-up time

    from fieldfare_batch.executor import BatchMigrationExecutor  # noqa: PLC0415 - start-up time
    from fieldfare_batch.redisvl import with_batch_plan  # noqa: PLC0415 - start-up time
    from fieldfare_batch.resume import require_batch_plan  # noqa: PLC0415 - start-up time
    from fieldfare_batch.state import Status  # noqa: PLC0415 - start-up time

    batches = BatchMigrationExecutor(plugins=session.plugins)
    recorded = batches.status(state)
    if recorded.unplanned:  # RedisVL's state file; its batch plan says what loses information
        recorded = with_batch_plan(recorded, require_batch_plan(state, recorded, plan))
    todo = recorded.with_status(Status.PENDING, Status.IN_PROGRESS, *([Status.FAILED] if retry_failed else []))
    require_data_loss_accepted(todo, accepted=accept_data_loss)
    settings = evolve(
        recorded.settings,
        parallel=parallel or recorded.settings.parallel,
        allow_overflow=allow_overflow or recorded.settings.allow_overflow,
        on_conflict=on_conflict or recorded.settings.on_conflict,
        index_workers=index_workers or recorded.settings.index_workers,
        max_rate=max_rate or recorded.settings.max_rate,
        max_latency=max_latency or recorded.settings.max_latency,
        pause_file=str(pause_file.absolute()) if pause_file else recorded.settings.pause_file,
        switch=recorded.settings.switch if switch is None else switch,
    )
    run = partial(
        batches.resume,
        batch_plan_path=plan,
        report_dir=report_dir,
        backup_dir=backup_dir,
        batch_size=batch_size,
        num_workers=workers,
        executor=executor,
        retry_failed=retry_failed,
        settings=settings,
    )
    run_batch(run, session=session, state_path=state, report_path=report_out, url=url, cluster=cluster)
