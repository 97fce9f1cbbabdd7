"""The commands that messages name: to resume a batch, and to roll it back."""

from __future__ import annotations

import shlex
from pathlib import Path

from fieldfare.backup.journal import RollbackStatus
from fieldfare_batch.state import BatchState, Status

__all__ = ["next_commands", "resume_command", "rollback_command"]


def resume_command(path: Path, state: BatchState) -> str:
    """Return the command that resumes a batch; it retries failed indexes if no other index is left."""
    left = state.with_status(Status.PENDING, Status.IN_PROGRESS)
    words = ["fieldfare", "batch-resume", "--state", str(path)]
    words += [] if left else ["--retry-failed"]
    words += ["--accept-data-loss"] if any(each.lossy for each in left or state.with_status(Status.FAILED)) else []
    return shlex.join(words)


def rollback_command(path: Path) -> str:
    """Return the command that rolls back every index of a batch."""
    return shlex.join(["fieldfare", "batch-rollback", "--state", str(path)])


def next_commands(path: Path, state: BatchState) -> dict[str, str]:
    """Return the commands for a batch that is not running: ``resume`` or ``rollback`` → command."""
    if state.rollback is RollbackStatus.DONE:
        return {}
    rollback = {"rollback": rollback_command(path)}
    if state.rollback is RollbackStatus.RUNNING or state.is_finished:
        return rollback if state.applicable else {}
    return {"resume": resume_command(path, state), **rollback}
