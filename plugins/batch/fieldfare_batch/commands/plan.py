"""``fieldfare batch-plan``."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fieldfare.cli.errors import describe
from fieldfare.cli.layout import command_text
from fieldfare.cli.options import DEFAULT_URL, Cluster, Url, directory_option, file_option, refuse_overwriting_inputs
from fieldfare.cli.output import bullets, notice, show, show_json, table
from fieldfare.cli.plan_options import AcceptRecallLoss, AllowDocumentExpiry, LogicalRenames, MinRecall, Mode, Prefer
from fieldfare.cli.session import Session
from fieldfare.errors import PreconditionError
from fieldfare_batch.commands.options import DEFAULT_BATCH_PLAN
from fieldfare_batch.failure_policy import FailurePolicy

if TYPE_CHECKING:
    from fieldfare_batch.plan import BatchIndex, BatchPlan

__all__ = ["batch_plan"]


def batch_plan(  # noqa: PLR0913 - the command's options
    context: typer.Context,
    *,
    schema_patch: Annotated[Path, file_option("YAML file with the changes for each index.")],
    pattern: Annotated[
        str | None, typer.Option(help="Indexes whose names match a shell pattern: '*_idx'.", metavar="GLOB")
    ] = None,
    indexes: Annotated[
        list[str] | None,
        typer.Option(
            help="Names of indexes, separated by commas; a name with a comma in double quotes. Repeatable.",
            metavar="NAMES",
        ),
    ] = None,
    indexes_file: Annotated[Path | None, file_option("File with one name per line; # starts a comment.")] = None,
    failure_policy: Annotated[
        FailurePolicy, typer.Option(help="Whether the failure of one index stops the batch.")
    ] = FailurePolicy.FAIL_FAST,
    plan_out: Annotated[Path, file_option("Write the batch plan here.", is_output=True)] = DEFAULT_BATCH_PLAN,
    plan_dir: Annotated[Path, directory_option("Write the plan of each index into this directory.")] = Path("plans"),
    strict_overlap: Annotated[
        bool,
        typer.Option("--strict-overlap", help="Refuse indexes that share keys even if no document is rewritten."),
    ] = False,
    suggest_groups: Annotated[
        bool,
        typer.Option(
            "--suggest-groups", help="If indexes conflict, write a batch plan for each group without conflicts."
        ),
    ] = False,
    alias: Annotated[
        list[str] | None,
        typer.Option(
            help="An alias of one of the indexes, to keep it if Redis cannot list aliases (before 8.10). Repeatable.",
            metavar="NAME",
        ),
    ] = None,
    mode: Mode = None,
    logical_renames: LogicalRenames = False,
    min_recall: MinRecall = 0.95,
    accept_recall_loss: AcceptRecallLoss = False,
    allow_document_expiry: AllowDocumentExpiry = False,
    prefer: Prefer = None,
    url: Url = DEFAULT_URL,
    cluster: Cluster = None,
) -> None:
    """Plan many indexes with one patch. Reads the server, changes nothing.

    An index is skipped, with the reason, if the patch does not apply to it. Every other index gets its own migration
    plan. Fails if the migration of one index would change documents of another index.
    """
    session = Session.of(context)
    refuse_overwriting_inputs(plan_out, schema_patch, indexes_file)
    from fieldfare.server import connect  # noqa: PLC0415 - start-up time
    from fieldfare_batch.planner import BatchMigrationPlanner, PlanOptions  # noqa: PLC0415 - start-up time

    planner = BatchMigrationPlanner(
        plugins=session.plugins,
        min_recall=min_recall,
        accept_recall_loss=accept_recall_loss,
        allow_document_expiry=allow_document_expiry,
        prefer=tuple(prefer or ()),
    )
    names = None if indexes is None else [name for words in csv.reader(indexes) for name in words]
    with connect(url, cluster=cluster) as server:
        options = PlanOptions(
            server=server,
            pattern=pattern,
            indexes=names,
            indexes_file=indexes_file,
            schema_patch_path=schema_patch,
            failure_policy=failure_policy,
            plan_dir=plan_dir,
            strict_overlap=strict_overlap,
            aliases=tuple(alias or ()),
            mode=mode,
            logical_renames=logical_renames,
        )
        made = planner.create_group_plans(**options) if suggest_groups else (planner.create_batch_plan(**options),)
    paths = _paths(plan_out.absolute(), len(made))
    for each, path in zip(made, paths, strict=True):
        planner.write_batch_plan(each, path)
    _show_plans(session, made, paths)


def _paths(path: Path, count: int) -> list[Path]:
    if count == 1:
        return [path]
    return [path.with_name(f"{path.stem}_{number}{path.suffix}") for number in range(1, count + 1)]


def _show_plans(session: Session, plans: Sequence[BatchPlan], paths: Sequence[Path]) -> None:
    error = None
    if not any(each.applicable for each in plans):
        error = PreconditionError("The patch applies to none of these indexes. Nothing was changed.")
    if session.json:
        document: dict[str, Any] = {"batch_plans": list(map(_document, plans, paths))}
        if error is not None:
            document["error"] = describe(error).to_dict()
        show_json(document)
    else:
        show("\n\n".join(map(_text, plans, paths)))
    if error is not None:
        if not session.json:
            notice(f"Error: {error}")
        raise typer.Exit(error.exit_code)


def _document(plan: BatchPlan, path: Path) -> dict[str, Any]:
    from fieldfare_batch.plan_file import batch_plan_to_dict  # noqa: PLC0415 - start-up time

    return {"plan_path": str(path), "plan": batch_plan_to_dict(plan)}


def _text(plan: BatchPlan, path: Path) -> str:
    applicable = plan.applicable
    lines = [
        f"Batch plan written to {path}",
        f"Batch ID: {plan.batch_id}",
        f"Failure policy: {plan.failure_policy}",
        f"Requires quantization: {'yes' if plan.requires_quantization else 'no'}",
        f"Applicable: {len(applicable)} of {len(plan.indexes)}",
        *bullets("Warnings:", plan.warnings),
        "",
        _table(plan),
    ]
    if applicable:
        accept = " --accept-data-loss" if any(each.lossy for each in applicable) else ""
        command = f"fieldfare batch-apply --plan {path} --backup-dir ./migration_backups{accept}"
        plans = Path(str(applicable[0].plan_path)).parent
        lines += ["", f"Review the plans in {plans}.", command_text("Next:", command)]
    return "\n".join(lines)


def _table(plan: BatchPlan) -> str:
    headers, rows = ["Index", "Applicable", "Documents", "Effect", "Skipped because"], list(map(_row, plan.indexes))
    shown = len(headers) - (len(plan.applicable) == len(rows))
    return table(headers[:shown], [row[:shown] for row in rows])


def _row(index: BatchIndex) -> list[str]:
    if not index.applicable:
        return [index.name, "no", "", "", index.skip_reason or ""]
    effects = {"rewrites documents": index.rewrites_documents, "lossy": bool(index.lossy)}
    effect = ", ".join(name for name, applies in effects.items() if applies)
    return [index.name, "yes", f"{index.documents:,}", effect, ""]
