"""``fieldfare show``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fieldfare.cli.completion import complete_plan
from fieldfare.cli.options import DEFAULT_PLAN
from fieldfare.cli.output import show as show_text
from fieldfare.cli.output import show_json
from fieldfare.cli.plan import apply_line, plan_document, shown_plan
from fieldfare.cli.session import Session

__all__ = ["show"]


def show(
    context: typer.Context,
    plan: Annotated[
        Path, typer.Argument(help="The plan file.", metavar="PLAN", dir_okay=False, autocompletion=complete_plan)
    ] = DEFAULT_PLAN,
) -> None:
    """Show a migration plan as text.

    Shows the changes, how long the index is unavailable, and what the migration needs. It needs no server:
    downtime, disk and memory are the estimates of the moment when the plan was made.
    """
    session = Session.of(context)
    from fieldfare.api import load_migration_plan  # noqa: PLC0415 - start-up time

    loaded = load_migration_plan(plan)
    if session.json:
        show_json(plan_document(loaded, plan.absolute()))
        return
    show_text("\n\n".join(filter(None, [shown_plan(loaded), apply_line(loaded, plan)])))
