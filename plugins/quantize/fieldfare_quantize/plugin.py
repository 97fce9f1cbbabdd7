"""Hook implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.changes import Change, UpdateField
from fieldfare.definition import Storage
from fieldfare.hooks.markers import hookimpl
from fieldfare_quantize.claim import claim_datatype
from fieldfare_quantize.conversion import ConversionParameters, convert_back, convert_batch, plan_conversion
from fieldfare_quantize.estimate import estimate_conversions
from fieldfare_quantize.json_vectors import batch_inspector
from fieldfare_quantize.published_calibration import (
    MOVE,
    PUBLISH,
    back_up_calibration,
    is_published,
    plan_moving,
    plan_publishing,
    publish_calibration,
    require_rights,
    restore_calibration,
)
from fieldfare_vectors.datatype import INTEGERS
from fieldfare_vectors.prediction_table import requested_recall
from fieldfare_vectors.recall_step import new_field_name, plan_recall

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import typer

    from fieldfare.definition import Field, IndexDefinition
    from fieldfare.documents import Batch
    from fieldfare.hooks.dump_watcher import DumpWatcher
    from fieldfare.hooks.examination import ExaminedIndex, Examiner
    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare.hooks.run import Run
    from fieldfare.plan import Claim, Estimate, MigrationPlan, Receipt, Step
    from fieldfare.report import Finding
    from fieldfare.server import Server

__all__ = [
    "fieldfare_add_commands",
    "fieldfare_backup",
    "fieldfare_classify",
    "fieldfare_encode_query",
    "fieldfare_estimate",
    "fieldfare_execute_step",
    "fieldfare_plan_further_steps",
    "fieldfare_plan_steps",
    "fieldfare_transform",
    "fieldfare_transform_back",
    "fieldfare_undo_step",
    "fieldfare_validate",
    "fieldfare_verify_step",
    "fieldfare_watch_dump",
]

CALIBRATION_STEPS: Final = (PUBLISH, MOVE)
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
    parameters = ConversionParameters.for_change(change, field).with_claimed_calibration(claim.details)
    conversion = [] if live.definition.storage is Storage.JSON else [plan_conversion(parameters)]
    recall = plan_recall(RECALL, parameters.field, requested_recall(claim.details), live.options)
    return [*conversion, *plan_publishing(parameters), *recall]


@hookimpl
def fieldfare_plan_further_steps(live: LiveIndex) -> Sequence[Step]:
    """Give published calibrations the names that index and fields will have."""
    return plan_moving(live)


@hookimpl
def fieldfare_estimate(plan: MigrationPlan) -> Estimate | None:
    """Estimate the backup's size and the memory afterwards."""
    return estimate_conversions(plan)


@hookimpl
def fieldfare_rehearse_step(step: Step, run: Run) -> None:
    """Try the commands that publish a calibration."""
    if step.kind == PUBLISH:
        require_rights(run)


@hookimpl
def fieldfare_backup(step: Step, run: Run) -> None:
    """Save recall queries and their true neighbours, and the calibration that Redis has."""
    if step.kind in CALIBRATION_STEPS:
        back_up_calibration(step, run)
        return
    from fieldfare_vectors.recall_measurement import record_baseline  # noqa: PLC0415 - numpy costs start-up time

    record_baseline(step, run, batch_inspector(step, run))


@hookimpl
def fieldfare_watch_dump(step: Step, run: Run) -> DumpWatcher | None:
    """Find the true neighbours of recall queries among the originals that are dumped."""
    if step.kind in CALIBRATION_STEPS:
        return None
    from fieldfare_vectors.recall_measurement import watch_dump  # noqa: PLC0415 - numpy costs start-up time

    return watch_dump(step, run, batch_inspector(step, run))


@hookimpl
def fieldfare_transform(step: Step, batch: Batch) -> Batch:
    """Convert a batch of vectors."""
    return convert_batch(ConversionParameters.of(step), batch)


@hookimpl
def fieldfare_transform_back(step: Step, batch: Batch) -> Batch:
    """Convert vectors that applications wrote in the new datatype to the old one."""
    return convert_back(ConversionParameters.of(step), batch)


@hookimpl
def fieldfare_execute_step(step: Step, run: Run) -> Receipt:
    """Measure the recall of the target index, or publish its calibration."""
    if step.kind in CALIBRATION_STEPS:
        return publish_calibration(step, run)
    from fieldfare_vectors.recall_measurement import measure_recall  # noqa: PLC0415 - numpy costs start-up time

    return measure_recall(step, run)


@hookimpl
def fieldfare_verify_step(step: Step, receipt: Receipt | None, run: Run) -> bool:
    """Return whether recall was measured, or Redis has the calibration; measuring recall again changes nothing."""
    return receipt is not None and (step.kind not in CALIBRATION_STEPS or is_published(step, run))


@hookimpl
def fieldfare_undo_step(step: Step, run: Run) -> None:
    """Restore the earlier calibration; measuring recall changes nothing."""
    if step.kind in CALIBRATION_STEPS:
        restore_calibration(step, run)


@hookimpl
def fieldfare_validate(plan: MigrationPlan, run: Run) -> Sequence[Finding]:
    """Compare the measured recall with the required one, and say how queries must be encoded."""
    from fieldfare_vectors.recall_check import check_recall  # noqa: PLC0415 - plans are made without it

    return [*check_recall(RECALL, plan, run), *_query_encoding(plan)]


@hookimpl
def fieldfare_examine(index: ExaminedIndex) -> Examiner | None:
    """Look at the lengths of vectors, at zeros, NaN and norms, and for duplicates."""
    from fieldfare_vectors.vector_examiner import vector_examiner  # noqa: PLC0415 - numpy costs start-up time

    return vector_examiner(index)


@hookimpl
def fieldfare_encode_query(
    vector: Sequence[float], index: IndexDefinition, field: Field, server: Server, plan: MigrationPlan | None
) -> bytes | None:
    """Encode a query as the plan says, or as the published calibration of an integer field does."""
    if plan is None and str(field.attrs["datatype"]).lower() not in INTEGERS:
        return None
    from fieldfare_quantize.query_encoder import encode  # noqa: PLC0415 - plans are made without it
    from fieldfare_quantize.query_encoding import (  # noqa: PLC0415 - plans are made without it
        read_encoding,
        read_encoding_from_redis,
    )

    if plan is not None:
        return encode(vector, read_encoding(plan, field.name))
    return encode(vector, read_encoding_from_redis(server, index.name, field.name))


def _query_encoding(plan: MigrationPlan) -> Iterator[Finding]:
    """Yield a finding for each field whose datatype changes: it says how applications must encode their queries."""
    from fieldfare.report import Finding, Severity  # noqa: PLC0415 - start-up time

    for change in plan.changes:
        if isinstance(change, UpdateField) and change.attribute == "datatype":
            name = new_field_name(plan, change.name)
            detail = f"queries must be encoded as {change.new} from now on (fieldfare encode-query --field {name})"
            data = {"field": name, "datatype": change.new}
            yield Finding(f"query_encoding:{name}", passed=True, severity=Severity.INFO, detail=detail, data=data)
