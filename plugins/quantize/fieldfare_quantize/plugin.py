"""Hook implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.changes import Change, UpdateField
from fieldfare.definition import Storage
from fieldfare.markers import hookimpl
from fieldfare_quantize.calibrated import calibrations_in
from fieldfare_quantize.claim import claim_datatype, parameters_of
from fieldfare_quantize.conversion import Parameters, convert_batch, plan_conversion
from fieldfare_quantize.forecast import forecast
from fieldfare_quantize.notice import tell_queries
from fieldfare_quantize.numbers import looker
from fieldfare_quantize.published import PUBLISH, is_published, plan_publishing, publish, remember, take_back
from fieldfare_quantize.recall import RECALL, plan_recall

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

    from fieldfare.documents import Batch
    from fieldfare.engine.run import Run
    from fieldfare.findings import Finding
    from fieldfare.live import LiveIndex
    from fieldfare.plan import Claim, Estimate, MigrationPlan, Receipt, Step

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
    """Convert the vectors of hashes, store what integers stand for, and ask for neighbours before and after.

    Redis itself converts the numbers of JSON documents.
    """
    field = live.definition.find(change.name) if isinstance(change, UpdateField) else None
    if field is None or not isinstance(change, UpdateField):
        return []
    parameters = calibrations_in(parameters_of(change, field), claim.details)
    conversion = [] if live.definition.storage is Storage.JSON else [plan_conversion(parameters)]
    return [*conversion, *plan_publishing(parameters), *plan_recall(parameters, claim, live.options)]


@hookimpl
def fieldfare_estimate(plan: MigrationPlan) -> Estimate | None:
    """Estimate the backup's size and the memory afterwards."""
    return forecast(plan)


@hookimpl
def fieldfare_backup(step: Step, run: Run) -> None:
    """Write down questions and their true answers, and the calibration that Redis has."""
    if step.kind == PUBLISH:
        remember(step, run)
        return
    from fieldfare_vectors.measurement import record  # noqa: PLC0415 - numpy costs start-up time

    record(step, run, looker(step, run))


@hookimpl
def fieldfare_transform(step: Step, batch: Batch) -> Batch:
    """Convert a batch of vectors."""
    return convert_batch(Parameters.of(step), batch)


@hookimpl
def fieldfare_execute_step(step: Step, run: Run) -> Receipt:
    """Ask the target index the questions, or store its calibration."""
    if step.kind == PUBLISH:
        return publish(step, run)
    from fieldfare_vectors.measurement import measure  # noqa: PLC0415 - numpy costs start-up time

    return measure(step, run)


@hookimpl
def fieldfare_verify_step(step: Step, receipt: Receipt | None, run: Run) -> bool:
    """Whether the questions were asked; asking them again changes nothing. A calibration must be there."""
    return receipt is not None and (step.kind != PUBLISH or is_published(step, run))


@hookimpl
def fieldfare_undo_step(step: Step, run: Run) -> None:
    """Put the earlier calibration back; nothing was changed by asking."""
    if step.kind == PUBLISH:
        take_back(step, run)


@hookimpl
def fieldfare_validate(plan: MigrationPlan, run: Run) -> Sequence[Finding]:
    """Compare the measured recall with what the user wants kept, and say what queries must be."""
    from fieldfare_vectors.judgement import findings  # noqa: PLC0415 - plans are made without it

    return [*findings(RECALL, plan, run), *tell_queries(plan)]
