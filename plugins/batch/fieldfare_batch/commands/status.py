"""``fieldfare batch-status``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from fieldfare.cli.output import show, show_json
from fieldfare.cli.session import Session
from fieldfare_batch.commands.options import DEFAULT_STATE, State
from fieldfare_batch.commands.outcome import command_lines, first_line

if TYPE_CHECKING:
    from pathlib import Path

    from fieldfare_batch.state import BatchState, IndexState

__all__ = ["batch_status"]


def batch_status(context: typer.Context, *, state: State = DEFAULT_STATE) -> None:
    """Show the state of a batch. Needs no server, and works while the batch runs."""
    session = Session.of(context)
    from fieldfare_batch.state_file import load_state  # noqa: PLC0415 - start-up time

    recorded = load_state(state)
    if session.json:
        show_json(_document(recorded, state.absolute()))
    else:
        show(_text(recorded, state.absolute()))


def _document(state: BatchState, path: Path) -> dict[str, Any]:
    from attrs import asdict  # noqa: PLC0415 - start-up time

    from fieldfare_batch.next_commands import next_commands  # noqa: PLC0415 - start-up time
    from fieldfare_batch.report import make_report  # noqa: PLC0415 - start-up time
    from fieldfare_batch.state_file import state_to_dict  # noqa: PLC0415 - start-up time

    summary = asdict(make_report(state).summary)
    return {**state_to_dict(state), "summary": summary, "next": next_commands(path, state)}


def _text(state: BatchState, path: Path) -> str:
    from fieldfare.backup.journal import RollbackStatus  # noqa: PLC0415 - start-up time
    from fieldfare_batch.next_commands import next_commands  # noqa: PLC0415 - start-up time
    from fieldfare_batch.state import Status  # noqa: PLC0415 - start-up time

    title = "Batch Migration Status"
    ended = state.with_status(Status.SUCCESS, Status.FAILED, Status.ROLLED_BACK)
    running = state.with_status(Status.IN_PROGRESS)
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
        f"In Progress: {_names(running) or 'none'}",
        f"Remaining: {len(left)}" + (f" ({_names(left)})" if left else ""),
    ]
    if skipped:
        lines += [f"Skipped: {len(skipped)}", *(f"- {each.name}: {first_line(each.reason)}" for each in skipped)]
    return "\n".join([*lines, *command_lines(next_commands(path, state))])


def _ended(index: IndexState) -> str:
    reason = f" - {first_line(index.reason)}" if index.reason else ""
    time = (index.finished_at or "").partition("T")[2].removesuffix("Z")
    return f"- {index.name}: {index.status.value}{reason} ({time})"


def _names(indexes: tuple[IndexState, ...]) -> str:
    return ", ".join(each.name for each in indexes)
