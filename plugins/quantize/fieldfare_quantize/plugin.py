"""Hook implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.changes import Change, UpdateField
from fieldfare.definition import Storage
from fieldfare.hooks.markers import hookimpl
from fieldfare_quantize.claim import claim_datatype, parameters_of
from fieldfare_quantize.conversion import ConversionParameters, convert_batch, plan_conversion
from fieldfare_quantize.estimate import estimate_conversions
from fieldfare_quantize.json_vectors import batch_inspector
from fieldfare_quantize.parameter_calibration import with_claimed_calibration
from fieldfare_quantize.published_calibration import (
    PUBLISH,
    back_up_calibration,
    is_published,
    plan_publishing,
    publish_calibration,
    restore_calibration,
)
from fieldfare_quantize.query_notice import query_encoding_findings
from fieldfare_vectors.prediction_table import requested_recall
from fieldfare_vectors.recall_step import plan_recall

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

    from fieldfare.documents import Batch
    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare.hooks.run import Run
    from fieldfare.plan import Claim, Estimate, MigrationPlan, Receipt, Step
    from fieldfare.report import Finding

__all__ = [
    "fieldfare_add_commands",
    "fieldfare_backup",
    "fieldfare_classify",
    "fieldfare_estimate",
    "fieldfare_execute_step",
    "fieldfare_plan_steps",
    "fieldfare_transform",
    "fieldfare_undo_step",
    "fieldfare_validate",
    "fieldfare_verify_step",
]

RECALL: Final = "quantize.recall"
"""The kind of the steps that measure recall."""


@hookimpl
def fieldfare_add_commands(app: typer.Typer) -> None:
    """Add ``advise`` and ``encode-query``."""
    from fieldfare_quantize.commands.register import add_commands  # noqa: PLC0415 - programs that use the API need no commands

    add_commands(app)


@hookimpl
def fieldfare_classify(change: Change, live: LiveIndex) -> Claim | None:
    """Claim every change of a vector field's datatype."""
    return claim_datatype(change, live) if isinstance(change, UpdateField) else None


@hookimpl
def fieldfare_plan_steps(change: Change, claim: Claim, live: LiveIndex) -> Sequence[Step]:
    """Convert the vectors of hashes, publish the calibration of integers, and measure recall before and after.

    Redis itself converts the numbers of JSON documents.
    """
    field = live.definition.find(change.name) if isinstance(change, UpdateField) else None
    if field is None or not isinstance(change, UpdateField):
        return []
    parameters = with_claimed_calibration(parameters_of(change, field), claim.details)
    conversion = [] if live.definition.storage is Storage.JSON else [plan_conversion(parameters)]
    recall = plan_recall(RECALL, parameters.field, requested_recall(claim.details), live.options)
    return [*conversion, *plan_publishing(parameters), *recall]


@hookimpl
def fieldfare_estimate(plan: MigrationPlan) -> Estimate | None:
    """Estimate the backup's size and the memory afterwards."""
    return estimate_conversions(plan)


@hookimpl
def fieldfare_backup(step: Step, run: Run) -> None:
    """Save recall queries and their true neighbours, and the calibration that Redis has."""
    if step.kind == PUBLISH:
        back_up_calibration(step, run)
        return
    from fieldfare_vectors.recall_measurement import record_baseline  # noqa: PLC0415 - numpy costs start-up time

    record_baseline(step, run, batch_inspector(step, run))


@hookimpl
def fieldfare_transform(step: Step, batch: Batch) -> Batch:
    """Convert a batch of vectors."""
    return convert_batch(ConversionParameters.of(step), batch)


@hookimpl
def fieldfare_execute_step(step: Step, run: Run) -> Receipt:
    """Measure the recall of the target index, or publish its calibration."""
    if step.kind == PUBLISH:
        return publish_calibration(step, run)
    from fieldfare_vectors.recall_measurement import measure_recall  # noqa: PLC0415 - numpy costs start-up time

    return measure_recall(step, run)


@hookimpl
def fieldfare_verify_step(step: Step, receipt: Receipt | None, run: Run) -> bool:
    """Return whether recall was measured, or Redis has the calibration; measuring recall again changes nothing."""
    return receipt is not None and (step.kind != PUBLISH or is_published(step, run))


@hookimpl
def fieldfare_undo_step(step: Step, run: Run) -> None:
    """Restore the earlier calibration; measuring recall changes nothing."""
    if step.kind == PUBLISH:
        restore_calibration(step, run)


@hookimpl
def fieldfare_validate(plan: MigrationPlan, run: Run) -> Sequence[Finding]:
    """Compare the measured recall with the required one, and say how queries must be encoded."""
    from fieldfare_vectors.recall_check import check_recall  # noqa: PLC0415 - plans are made without it

    return [*check_recall(RECALL, plan, run), *query_encoding_findings(plan)]
