"""``fieldfare status``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fieldfare.cli.options import BackupDirectory
from fieldfare.cli.output import show, show_json
from fieldfare.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["status"]


def status(
    context: typer.Context,
    *,
    backup_dir: BackupDirectory,
    index: Annotated[
        str | None, typer.Option(help="Only the migration of this index; its name before.", metavar="NAME")
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
    facts = [(f"{name.replace('_', ' ').capitalize()}:", value) for name, value in migration.items()]
    return "\n".join(f"{name:<19}{value}" for name, value in facts)
