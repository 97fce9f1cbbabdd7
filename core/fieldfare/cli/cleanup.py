"""``fieldfare cleanup``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fieldfare.cli.options import DEFAULT_URL, Cluster, Url, Yes, directory_option
from fieldfare.cli.output import notice, show, show_json, table
from fieldfare.cli.session import Session
from fieldfare.errors import FieldfareError, Interrupted, UsageError

if TYPE_CHECKING:
    from fieldfare.engine.cleanup import AbandonedIndex

__all__ = ["cleanup"]


def cleanup(
    context: typer.Context,
    *,
    backup_dir: Annotated[
        list[Path] | None,
        directory_option("Directory with backups of migrations: what they still need stays. Repeatable."),
    ] = None,
    yes: Yes = False,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
) -> None:
    """Drop indexes that migrations have left behind.

    Documents stay. Dropped are trial indexes of killed migrations, and versions (NAME__v2) over the same keys as the
    index that answers to NAME. Name the backup directories: without them, an old index that a rollback needs looks
    abandoned.
    """
    session = Session.of(context)
    from fieldfare.api import drop_abandoned, find_abandoned  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time

    with connect(url, cluster=cluster) as server:
        found = find_abandoned(server=server, backup_dirs=backup_dir or ())
        if found and not session.json:
            show(
                table(
                    ["Index", "Documents", "Why"], [[each.name, f"{each.documents:,}", each.reason] for each in found]
                )
            )
        if found and not yes:
            _confirm(found, session)
        drop_abandoned(found, server=server)
    if session.json:
        show_json({"dropped": [each.name for each in found]})
    else:
        show(f"Dropped: {', '.join(each.name for each in found)}" if found else "Nothing is left behind.")


def _confirm(found: Sequence[AbandonedIndex], session: Session) -> None:
    if session.json or not sys.stdin.isatty():
        raise UsageError("cleanup drops these indexes and asks before; without a terminal, pass --yes.")
    try:
        agreed = typer.confirm(f"Drop {len(found)} indexes? Documents stay.", err=True)
    except typer.Abort:
        notice("")
        raise Interrupted("Nothing was changed.", resume="fieldfare cleanup") from None
    if not agreed:
        notice("Nothing was changed.")
        raise typer.Exit(FieldfareError.exit_code)
