"""``fieldfare batch-finalize``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from fieldfare.cli.confirmation import require_agreement, require_terminal
from fieldfare.cli.options import DEFAULT_URL, Cluster, Url, Yes
from fieldfare.cli.output import notice, show, show_json, table
from fieldfare.cli.run_options import ConvertFirst
from fieldfare.cli.session import Session
from fieldfare.cli.signals import stop_on_signals
from fieldfare.support.wording import counted
from fieldfare_batch.commands.options import DEFAULT_STATE, State
from fieldfare_batch.commands.outcome import command_lines, first_line

if TYPE_CHECKING:
    from pathlib import Path

    from fieldfare_batch.finalization import BatchFinalization
    from fieldfare_batch.state import BatchState

__all__ = ["batch_finalize"]


def batch_finalize(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    state: State = DEFAULT_STATE,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
    yes: Yes = False,
    force: ConvertFirst = False,
) -> None:
    """Remove the old indexes of a batch, and old values or keys.

    For a batch in the mode shadow: does what 'finalize' does, for one index after the other. If an index is refused,
    the failure policy of the batch decides whether the others are finalized. After a crash, the same command resumes
    it.
    """
    session = Session.of(context)
    from fieldfare.engine.stop import StopRequest  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time
    from fieldfare_batch.executor import BatchMigrationExecutor  # noqa: PLC0415 - start-up time
    from fieldfare_batch.progress import show_batch_progress  # noqa: PLC0415 - start-up time
    from fieldfare_batch.state import next_commands  # noqa: PLC0415 - start-up time

    executor = BatchMigrationExecutor(plugins=session.plugins)
    if not yes:
        _confirm(executor.status(state), state, session)
    stop = StopRequest()
    with (
        connect(url, cluster=cluster) as server,
        show_batch_progress(session.plugins) as reporter,
        stop_on_signals(stop),
    ):
        done = executor.finalize(state, server=server, force=force, progress_callback=reporter, stop=stop)
    commands = next_commands(state.absolute(), executor.status(state))
    if session.json:
        from attrs import asdict  # noqa: PLC0415 - start-up time

        show_json({**asdict(done), "next": commands})
    else:
        show(_text(done))
        (notice if done.exit_code else show)("\n".join(["", *command_lines(commands)]))
    if done.exit_code:
        raise typer.Exit(done.exit_code)


def _confirm(recorded: BatchState, path: Path, session: Session) -> None:
    from fieldfare_batch.state import finalize_command  # noqa: PLC0415 - start-up time

    require_terminal(session, "batch-finalize asks before it drops the old indexes")
    count = counted(len(recorded.applicable), "index", "indexes")
    question = f"Finalize {recorded.batch_id}, a batch of {count}: drop the old indexes, remove old values and keys?"
    require_agreement(question, again=finalize_command(path))


def _text(done: BatchFinalization) -> str:
    title = "Batch finalized" if not done.exit_code else "Batch not finalized"
    rows = [[each.name, each.result, first_line(each.reason)] for each in done.indexes]
    return f"{title}: {done.batch_id}\n\n{table(['Index', 'Result', 'Reason'], rows)}"
