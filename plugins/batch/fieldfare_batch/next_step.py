"""The commands that messages name: how to go on with a batch, how to put everything back."""

from __future__ import annotations

import shlex
from pathlib import Path

from fieldfare.journal import Undo
from fieldfare_batch.state import BatchState, Status

__all__ = ["next_commands", "resume_command", "rollback_command"]


def resume_command(path: Path, state: BatchState) -> str:
    """Return the command that goes on with a batch; with what failed, if nothing else is left."""
    left = state.having(Status.PENDING, Status.IN_PROGRESS)
    todo = left or state.having(Status.FAILED)
    words = ["fieldfare", "batch-resume", "--state", str(path)]
    words += [] if left else ["--retry-failed"]
    words += ["--accept-data-loss"] if any(each.lossy for each in todo) else []
    return shlex.join(words)


def rollback_command(path: Path) -> str:
    """Return the command that undoes every index of a batch."""
    return shlex.join(["fieldfare", "batch-rollback", "--state", str(path)])


def next_commands(path: Path, state: BatchState) -> dict[str, str]:
    """Return what can be done with a batch that does not run: purpose → command."""
    if state.rollback is Undo.DONE:
        return {}
    back = {"To put it back:": rollback_command(path)}
    if state.rollback is Undo.RUNNING or state.is_over:
        return back if state.migrating else {}
    return {"To go on:": resume_command(path, state), **back}
