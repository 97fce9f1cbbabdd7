"""``fieldfare plan``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fieldfare.cli.errors import describe
from fieldfare.cli.options import (
    DEFAULT_PLAN,
    DEFAULT_URL,
    AcceptRecallLoss,
    Aliases,
    AllowDocumentExpiry,
    Cluster,
    Index,
    LogicalRenames,
    MinRecall,
    Mode,
    PlanOut,
    Url,
    file_option,
    refuse_overwriting_inputs,
)
from fieldfare.cli.output import bullets, details, notice, show, show_json, table
from fieldfare.cli.session import Session
from fieldfare.errors import ChangeBlocked, UsageError
from fieldfare.plan import MigrationPlan

__all__ = ["plan", "plan_document", "plan_summary"]


def plan(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    index: Index,
    schema_patch: Annotated[Path | None, file_option("YAML file that says what to change.")] = None,
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
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
) -> None:
    """Make a migration plan. Reads the server, changes nothing.

    Give the changes with --schema-patch, or the whole target with --target-schema.
    A plan with blocked changes is written too, with the reasons; the command then ends with 4.
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
        show(_text(made, path))
    if not made.supported:
        if not session.json:
            notice(f"Error: {ChangeBlocked(made.blocked_reasons)}")
        raise typer.Exit(ChangeBlocked.exit_code)


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


def _text(made: MigrationPlan, path: Path) -> str:
    lines = plan_summary(made, path)
    if not made.claims:
        lines += ["", "Nothing to do: the index matches the target."]
    else:
        lines += ["", _changes(made)]
    for each in made.claims:
        if each.claim.details:
            lines += ["", f"About {each.change}:", *details(each.claim.details)]
    if made.steps:
        lines += ["", _steps(made)]
    return "\n".join(lines)


def _changes(made: MigrationPlan) -> str:
    rows = [
        [
            str(each.change),
            each.plugin,
            "supported" if each.claim.is_supported else "blocked",
            _effects(rewrites=each.claim.rewrites_documents, lossy=each.claim.lossy),
        ]
        for each in made.claims
    ]
    return table(["Change", "Plugin", "Claim", "Effect"], rows)


def _steps(made: MigrationPlan) -> str:
    rows = [
        [
            str(number),
            step.phase.value,
            step.summary,
            step.owner,
            _effects(rewrites=step.rewrites_documents, lossy=step.lossy, final=not step.reversible),
        ]
        for number, step in enumerate(made.steps, 1)
    ]
    return table(["Step", "Phase", "Does", "Plugin", "Effect"], rows)


def _effects(*, rewrites: bool, lossy: bool, final: bool = False) -> str:
    effects = {"rewrites documents": rewrites, "lossy": lossy, "cannot be undone": final}
    return ", ".join(effect for effect, applies in effects.items() if applies)
