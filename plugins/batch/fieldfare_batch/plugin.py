"""Hook implementations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fieldfare.hooks.markers import hookimpl

if TYPE_CHECKING:
    import typer


@hookimpl
def fieldfare_report_page(document: Mapping[str, Any], path: str) -> str | None:
    """Make the page of a batch report."""
    from fieldfare_batch.page import is_batch_report, page_of_document  # noqa: PLC0415 - start-up time

    return page_of_document(document, path) if is_batch_report(document) else None


@hookimpl
def fieldfare_add_commands(app: typer.Typer) -> None:
    """Add the ``batch-*`` commands."""
    from fieldfare_batch.commands.register import add_commands  # noqa: PLC0415 - programs that use the API need no commands

    add_commands(app)
