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

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

    from fieldfare.documents import Batch
    from fieldfare.live import LiveIndex
    from fieldfare.plan import Claim, Estimate, MigrationPlan, Step

__all__ = [
    "fieldfare_add_commands",
    "fieldfare_classify",
    "fieldfare_estimate",
    "fieldfare_plan_steps",
    "fieldfare_transform",
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
    """Convert the vectors of hashes; Redis itself converts the numbers of JSON documents."""
    field = live.definition.find(change.name) if isinstance(change, UpdateField) else None
    if field is None or not isinstance(change, UpdateField) or live.definition.storage is Storage.JSON:
        return []
    return [plan_conversion(calibrations_in(parameters_of(change, field), claim.details))]


@hookimpl
def fieldfare_estimate(plan: MigrationPlan) -> Estimate | None:
    """Estimate the backup's size and the memory afterwards."""
    return forecast(plan)


@hookimpl
def fieldfare_transform(step: Step, batch: Batch) -> Batch:
    """Convert a batch of vectors."""
    return convert_batch(Parameters.of(step), batch)
