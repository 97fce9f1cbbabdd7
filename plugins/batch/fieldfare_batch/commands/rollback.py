"""``fieldfare batch-rollback``."""

from __future__ import annotations

import sys
from functools import partial
from typing import Annotated

import typer

from fieldfare.cli.confirmation import require_agreement
from fieldfare.cli.options import DEFAULT_URL, Cluster, Url
from fieldfare.cli.run_options import Executor, IndexWorkers, MaxLatency, MaxRate, PauseFile
from fieldfare.cli.session import Session
from fieldfare.support.wording import counted
from fieldfare_batch.commands.options import DEFAULT_STATE, BatchReportOut, State
from fieldfare_batch.commands.outcome import run_batch

__all__ = ["batch_rollback"]


def batch_rollback(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    state: State = DEFAULT_STATE,
    report_out: BatchReportOut = None,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do not ask. Without a terminal, the command never asks.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Roll back even if the server has changed since the migrations.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(help="How many workers share the documents of an index. Default: as before.", metavar="N", min=1),
    ] = None,
    executor: Executor = None,
    index_workers: IndexWorkers = None,
    max_rate: MaxRate = None,
    max_latency: MaxLatency = None,
    pause_file: PauseFile = None,
) -> None:
    """Roll back every index of a batch.

    Restores the indexes in reverse order, from the backups. Works after success and after a failure at any point;
    the same command resumes an interrupted rollback.
    """
    session = Session.of(context)
    from fieldfare_batch.executor import BatchMigrationExecutor  # noqa: PLC0415 - start-up time
    from fieldfare_batch.state import rollback_command  # noqa: PLC0415 - start-up time

    batches = BatchMigrationExecutor(plugins=session.plugins)
    recorded = batches.status(state)
    if sys.stdin.isatty() and not yes and not session.json:
        count = counted(len(recorded.applicable), "index", "indexes")
        require_agreement(f"Roll back {recorded.batch_id}, a batch of {count}?", again=rollback_command(state))
    run = partial(
        batches.rollback,
        force=force,
        num_workers=workers,
        executor=executor,
        index_workers=index_workers,
        max_rate=max_rate,
        max_latency=max_latency,
        pause_file=pause_file,
    )
    run_batch(run, session=session, state_path=state, report_path=report_out, url=url, cluster=cluster)
