"""Hook implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.hooks.markers import hookimpl

if TYPE_CHECKING:
    import typer


@hookimpl
def fieldfare_add_commands(app: typer.Typer) -> None:
    """Add the ``batch-*`` commands."""
    from fieldfare_batch.commands.register import add_commands  # noqa: PLC0415 - programs that use the API need no commands

    add_commands(app)
