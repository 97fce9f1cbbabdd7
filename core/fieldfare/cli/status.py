"""``fieldfare status``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from fieldfare.cli.completion import complete_backed_up_index
from fieldfare.cli.layout import facts as aligned
from fieldfare.cli.next_steps import next_lines
from fieldfare.cli.options import DEFAULT_BACKUPS, BackupDirectory
from fieldfare.cli.output import show, show_json, table
from fieldfare.cli.session import Session
from fieldfare.support.units import seconds_text
from fieldfare.support.wording import counted

__all__ = ["status"]

MOVED: Final = ("switched", "finalized")
"""The stages in which names lead to the target."""


def status(
    context: typer.Context,
    *,
    backup_dir: BackupDirectory = Path(DEFAULT_BACKUPS),
    index: Annotated[
        str | None,
        typer.Option(
            help="Only the migration of this index (the name before the migration).",
            metavar="NAME",
            autocompletion=complete_backed_up_index,
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url", "-u", help="Also check on this server whether an index hides a name that has moved.", metavar="URL"
        ),
    ] = None,
) -> None:
    """Show the progress of migrations, and the next command."""
    session = Session.of(context)
    from fieldfare.api import MigrationExecutor  # noqa: PLC0415 - start-up time

    migrations = MigrationExecutor(plugins=session.plugins).status(backup_dir, index)
    if url is not None:
        migrations = _with_hidden_names(migrations, url)
    if session.json:
        show_json({"migrations": migrations})
    elif migrations:
        show("\n\n".join(_text(each) for each in migrations))
    else:
        show(f"No migration is recorded in {backup_dir}.")


def _with_hidden_names(migrations: Sequence[Mapping[str, Any]], url: str) -> list[dict[str, Any]]:
    """Add what hides names that lead to the target of a migration: a message for each."""
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time
    from fieldfare.server.hidden_alias import find_hiding_index  # noqa: PLC0415 - start-up time

    with connect(url) as server:
        return [
            {
                **each,
                "hidden_names": [
                    found.message
                    for name in (each["moved_names"] if each["stage"] in MOVED and each["rollback"] == "none" else ())
                    if (found := find_hiding_index(server, name, each["target"])) is not None
                ],
            }
            for each in migrations
        ]


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
    hidden = [f"Warning: {each}" for each in migration.get("hidden_names", ())]
    return "\n".join([*aligned(facts), "", steps, "", *hidden, *next_lines(migration)])


def _speed(speed: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    """Return what a run that is active does, how fast it is, and why it waits."""
    if speed is None:
        return []
    if speed["lag_keys"] is not None:
        behind = f"{counted(speed['lag_keys'], 'key')}, {seconds_text(speed['lag_seconds'])}"
        return [("Running", "sync --watch"), ("Lag", behind if speed["lag_keys"] else "none")]
    total = f" of {speed['documents_total']:,}" if speed["documents_total"] else ""
    facts = [f"{speed['documents_done']:,}{total} documents"]
    if speed["documents_per_second"] is not None:
        facts.append(f"{speed['documents_per_second']:,.0f} per second")
    if speed["seconds_left"] is not None:
        facts.append(f"{seconds_text(speed['seconds_left'])} left")
    doing = f"{speed['activity']}: {', '.join(facts)}" if speed["activity"] else "it starts"
    return [("Running", doing), ("Load", f"{speed['pace']}: {speed['reason']}" if speed["reason"] else speed["pace"])]
