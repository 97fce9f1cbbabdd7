"""What to run next, as ``fieldfare status`` says it, and the commands that stop between two stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fieldfare.cli.layout import command_text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SWITCHED", "VALIDATED", "is_finished", "next_lines", "stage_lines"]

VALIDATED: Final = "validated"
"""The stage of an index beside the source that has no name yet."""

SWITCHED: Final = "switched"
"""The stage of an index beside the source that answers to the names."""

STAGES: Final = {VALIDATED: "switch", SWITCHED: "finalize"}
"""How far an index beside the source got → the command that continues."""


def is_finished(migration: Mapping[str, Any]) -> bool:
    """Whether nothing is left to do of a migration; the argument is as for :func:`next_lines`."""
    if migration["rollback"] != "none":
        return bool(migration["rollback"] == "done")
    return migration["phase"] == "validated" and migration["stage"] not in STAGES


def next_lines(migration: Mapping[str, Any]) -> list[str]:
    """Return what to run next; the argument is what ``MigrationExecutor.status`` says of one migration."""
    resume, undo = migration["resume"], migration["undo"]
    match migration["rollback"], migration["phase"]:
        case "done", _:
            return ["Everything was rolled back. Nothing is left to do."]
        case "running", _:
            return [command_text("To finish the rollback:", undo)]
    if lines := stage_lines(migration):
        return lines
    if migration["phase"] == "validated":
        return ["The migration is done.", command_text("To roll back:", undo)]
    return [command_text("To roll back:", undo), command_text("To resume:   ", resume)]


def stage_lines(migration: Mapping[str, Any]) -> list[str]:
    """Return what to run next if an index beside the source waits for it; else nothing."""
    command = STAGES.get(migration["stage"])
    if command is None:
        return []
    follow = [command_text("To sync:     ", f"{migration['sync']} --watch")] if migration["sync"] else []
    back = command_text("To roll back:", migration["undo"])
    return [back, *follow, command_text(f"{f'To {command}:':<13}", migration[command])]
