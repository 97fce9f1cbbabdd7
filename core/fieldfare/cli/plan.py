"""``fieldfare plan``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from fieldfare.cli.command_line import command_line
from fieldfare.cli.errors import describe
from fieldfare.cli.layout import command_text, table_style, width_of
from fieldfare.cli.options import (
    DEFAULT_BACKUPS,
    DEFAULT_PLAN,
    DEFAULT_URL,
    Cluster,
    Index,
    Url,
    file_option,
    refuse_overwriting_inputs,
)
from fieldfare.cli.output import bullets, notice, show, show_json
from fieldfare.cli.plan_options import (
    AcceptRecallLoss,
    Aliases,
    AllowDocumentExpiry,
    LogicalRenames,
    MinRecall,
    Mode,
    PlanOut,
    Prefer,
)
from fieldfare.cli.session import Session
from fieldfare.cli.styles import with_marks
from fieldfare.errors import ChangeBlocked, UsageError
from fieldfare.plan import MigrationPlan

__all__ = ["apply_line", "plan", "plan_document", "plan_summary", "shown_plan"]

CHANGES: Final = 5
"""The exit code of ``plan --exit-code`` for a plan that changes something."""


def plan(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    index: Index,
    schema_patch: Annotated[Path | None, file_option("YAML file with the changes.")] = None,
    target_schema: Annotated[Path | None, file_option("YAML file with the whole target schema.")] = None,
    plan_out: PlanOut = DEFAULT_PLAN,
    alias: Aliases = None,
    mode: Mode = None,
    logical_renames: LogicalRenames = False,
    key_sample_limit: Annotated[
        int, typer.Option(help="How many keys to record for validation.", metavar="N", min=0)
    ] = 10,
    min_recall: MinRecall = 0.95,
    accept_recall_loss: AcceptRecallLoss = False,
    allow_document_expiry: AllowDocumentExpiry = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 5 if the plan changes something, and with 0 if it does not.")
    ] = False,
    prefer: Prefer = None,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
) -> None:
    """Make a migration plan. Reads the server, changes nothing.

    Give the changes with --schema-patch, or the whole target with --target-schema.
    A plan with blocked changes is also written, with the reasons; the command then ends with 4.
    """
    session = Session.of(context)
    if schema_patch is not None and target_schema is not None:
        raise UsageError("Give --schema-patch or --target-schema, not both.")
    if schema_patch is None and target_schema is None:
        raise UsageError("Give --schema-patch FILE (the changes) or --target-schema FILE (the whole target).")
    refuse_overwriting_inputs(plan_out, schema_patch, target_schema)
    from fieldfare.api import MigrationPlanner  # noqa: PLC0415 - start-up time
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time

    planner = MigrationPlanner(
        plugins=session.plugins,
        min_recall=min_recall,
        accept_recall_loss=accept_recall_loss,
        allow_document_expiry=allow_document_expiry,
        prefer=tuple(prefer or ()),
    )
    with connect(url, cluster=cluster) as server:
        made = planner.create_plan(
            index,
            server=server,
            schema_patch_path=schema_patch,
            target_schema_path=target_schema,
            aliases=tuple(alias or ()),
            key_sample_limit=key_sample_limit,
            mode=mode,
            logical_renames=logical_renames,
        )
    planner.write_plan(made, plan_out)
    path = plan_out.absolute()
    if session.json:
        show_json(plan_document(made, path))
    else:
        show(_text(made, path, plan_out))
    if not made.supported:
        if not session.json:
            again = command_line(
                "plan", index=index, schema_patch=schema_patch, target_schema=target_schema, plan_out=plan_out
            )
            error = str(ChangeBlocked(made.blocked_reasons))
            # a reader at a terminal has just seen the reasons in the plan
            at_terminal = sys.stdout.isatty() and sys.stderr.isatty()
            notice(f"Error: {error.splitlines()[0] if at_terminal else error}")
            notice(command_text("Next, without the blocked changes:", again))
        raise typer.Exit(ChangeBlocked.exit_code)
    if exit_code and made.claims:
        raise typer.Exit(CHANGES)


def plan_document(made: MigrationPlan, path: Path) -> dict[str, Any]:
    """Return the output about a plan that was written to ``path``, for machines."""
    from fieldfare.plan.file import plan_to_dict  # noqa: PLC0415 - start-up time

    document: dict[str, Any] = {
        "plan_path": str(path),
        "mode": made.mode,
        "supported": made.supported,
        "blocked_reasons": list(made.blocked_reasons),
        "warnings": list(made.warnings),
        "plan": plan_to_dict(made),
    }
    if not made.supported:
        document["error"] = describe(ChangeBlocked(made.blocked_reasons)).to_dict()
    return document


def plan_summary(made: MigrationPlan, path: Path) -> list[str]:
    """Return the output about a plan that was written to ``path``, as lines."""
    return [
        f"Migration plan written to {path}",
        f"Mode: {made.mode}",
        "Supported" if made.supported else "Not supported",
        *bullets("Warnings:", made.warnings),
    ]


def shown_plan(made: MigrationPlan) -> str:
    """Return a plan as text for the terminal: what is added in green, changed in yellow, removed or blocked in red."""
    from fieldfare.plan.text import plan_text  # noqa: PLC0415 - start-up time

    return with_marks(plan_text(made, width_of(sys.stdout), table_style), sys.stdout)


def apply_line(
    made: MigrationPlan, path: Path, backup_dir: str | Path = DEFAULT_BACKUPS, *, executor: str | None = None
) -> str:
    """Return what to do with a plan next, as the last line of an output; nothing if it changes nothing."""
    if not made.supported:
        return "Next: take the blocked changes out of the patch, and plan again"
    line = command_line("apply", plan=path, backup_dir=backup_dir, executor=executor)
    return command_text("Next:", line) if made.steps else ""


def _text(made: MigrationPlan, path: Path, plan_out: Path) -> str:
    head = [
        f"Migration plan written to {path}",
        f"Mode: {made.mode}",
        "Supported" if made.supported else "Not supported",
    ]
    lines = ["\n".join(head), shown_plan(made), apply_line(made, plan_out) if made.supported else ""]
    return "\n\n".join(filter(None, lines))
