"""``fieldfare status``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from fieldfare.cli.next_steps import next_lines
from fieldfare.cli.options import BackupDirectory
from fieldfare.cli.output import show, show_json, table
from fieldfare.cli.session import Session
from fieldfare.cli.units import seconds_text

__all__ = ["status"]


def status(
    context: typer.Context,
    *,
    backup_dir: BackupDirectory,
    index: Annotated[
        str | None, typer.Option(help="Only the migration of this index: its name before.", metavar="NAME")
    ] = None,
) -> None:
    """Show how far migrations got, and what to run next."""
    session = Session.of(context)
    from fieldfare.api import MigrationExecutor  # noqa: PLC0415 - start-up time

    migrations = MigrationExecutor(plugins=session.plugins).status(backup_dir, index)
    if session.json:
        show_json({"migrations": migrations})
    elif migrations:
        show("\n\n".join(_text(each) for each in migrations))
    else:
        show(f"No migration is recorded in {backup_dir}.")


def _text(migration: Mapping[str, Any]) -> str:
    names = dict.fromkeys((migration["index"], migration["target"]))
    facts = [
        ("Migration", " → ".join(names)),
        ("Started", migration["started_at"]),
        ("Mode", migration["mode"]),
        ("Phase", migration["phase"]),
        ("State", migration["state"]),
        ("Rollback", migration["rollback"]),
        *_speed(migration["speed"]),
        ("Backed up", f"{migration['dump_completed_batches']:,} batches, of {migration['documents']:,} documents"),
    ]
    steps = table(
        ["Step", "Status", "Batches"],
        [[step["summary"], step["status"], f"{step['completed_batches']:,}"] for step in migration["steps"]],
    )
    return "\n".join([*(f"{f'{name}:':<11}{value}" for name, value in facts), "", steps, "", *next_lines(migration)])


def _speed(speed: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Return what a run that is under way does, how fast it is, and why it waits."""
    if speed is None:
        return []
    total = f" of {speed['documents_total']:,}" if speed["documents_total"] else ""
    facts = [f"{speed['documents_done']:,}{total} documents"]
    if speed["documents_per_second"] is not None:
        facts.append(f"{speed['documents_per_second']:,.0f} per second")
    if speed["seconds_left"] is not None:
        facts.append(f"{seconds_text(speed['seconds_left'])} left")
    doing = f"{speed['activity']}: {', '.join(facts)}" if speed["activity"] else "it starts"
    return [("Running", doing), ("Load", f"{speed['pace']}: {speed['reason']}" if speed["reason"] else speed["pace"])]
