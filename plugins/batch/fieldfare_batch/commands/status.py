"""``fieldfare batch-status``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from fieldfare.cli.output import show, show_json
from fieldfare.cli.session import Session
from fieldfare_batch.commands.options import DEFAULT_STATE, State
from fieldfare_batch.commands.outcome import command_lines, first_line

if TYPE_CHECKING:
    from fieldfare_batch.state import BatchState, IndexState

__all__ = ["batch_status"]


def batch_status(context: typer.Context, *, state: State = DEFAULT_STATE) -> None:
    """Show the state of a batch. Needs no server, and works while the batch runs."""
    session = Session.of(context)
    from attrs import asdict  # noqa: PLC0415 - start-up time

    from fieldfare_batch.report import make_report  # noqa: PLC0415 - start-up time
    from fieldfare_batch.state import next_commands  # noqa: PLC0415 - start-up time
    from fieldfare_batch.state_file import load_state, state_to_dict  # noqa: PLC0415 - start-up time

    recorded = load_state(state)
    commands = next_commands(state.absolute(), recorded)
    if session.json:
        show_json({**state_to_dict(recorded), "summary": asdict(make_report(recorded).summary), "next": commands})
    else:
        show("\n".join([*_lines(recorded), *command_lines(commands)]))


def _lines(state: BatchState) -> list[str]:
    from fieldfare.backup.progress import RollbackStatus  # noqa: PLC0415 - start-up time
    from fieldfare_batch.state import Status  # noqa: PLC0415 - start-up time

    title = "Batch Migration Status"
    ended = state.with_status(Status.SUCCESS, Status.FAILED, Status.ROLLED_BACK)
    running = state.with_status(Status.IN_PROGRESS)
    built = state.with_status(Status.BUILT)
    left = state.with_status(Status.PENDING)
    skipped = state.with_status(Status.SKIPPED)
    lines = [
        title,
        "=" * len(title),
        f"Batch ID: {state.batch_id}",
        f"Started: {state.started_at}",
        f"Updated: {state.updated_at}",
        *([f"Rollback: {state.rollback}"] if state.rollback is not RollbackStatus.NONE else []),
        f"Completed: {len(ended)}",
        *map(_ended, ended),
        *([f"Built, to be switched: {_names(built)}"] if built else []),
        f"In Progress: {_names(running) or 'none'}",
        f"Remaining: {len(left)}" + (f" ({_names(left)})" if left else ""),
    ]
    if skipped:
        lines += [f"Skipped: {len(skipped)}", *(f"- {each.name}: {first_line(each.reason)}" for each in skipped)]
    return lines


def _ended(index: IndexState) -> str:
    reason = f" - {first_line(index.reason)}" if index.reason else ""
    time = (index.finished_at or "").partition("T")[2].removesuffix("Z")
    return f"- {index.name}: {index.status.value}{reason} ({time})"


def _names(indexes: tuple[IndexState, ...]) -> str:
    return ", ".join(each.name for each in indexes)
