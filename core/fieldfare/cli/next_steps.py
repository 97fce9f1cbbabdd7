"""What to run next, as ``fieldfare status`` says it, and the commands that stop between two stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["VALIDATED", "next_lines", "stage_lines"]

VALIDATED: Final = "validated"
"""The stage of an index beside the source that has no name yet."""

STAGES: Final = {VALIDATED: "switch", "switched": "finalize"}
"""How far an index beside the source got → the command that goes on."""


def next_lines(migration: Mapping[str, Any]) -> list[str]:
    """Return what to run next; the argument is what ``MigrationExecutor.status`` says of one migration."""
    resume, undo = migration["resume"], migration["undo"]
    match migration["rollback"], migration["phase"]:
        case "done", _:
            return ["Everything was rolled back. Nothing is left to do."]
        case "running", _:
            return [f"To finish the rollback: {undo}"]
    if lines := stage_lines(migration):
        return lines
    if migration["phase"] == "validated":
        return ["The migration is done.", f"To roll back: {undo}"]
    return [f"To resume:    {resume}", f"To roll back: {undo}"]


def stage_lines(migration: Mapping[str, Any]) -> list[str]:
    """Return what to run next if an index beside the source waits for it; else nothing."""
    command = STAGES.get(migration["stage"])
    if command is None:
        return []
    follow = [f"To sync:      {migration['sync']} --watch"] if migration["sync"] else []
    return [*follow, f"{f'To {command}:':<13} {migration[command]}", f"To roll back: {migration['undo']}"]
