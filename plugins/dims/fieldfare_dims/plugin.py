"""Hook implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.changes import Change, UpdateField
from fieldfare.markers import hookimpl
from fieldfare_dims.claim import claim_dims, parameters_of
from fieldfare_dims.forecast import forecast
from fieldfare_dims.truncation import Parameters, plan_truncation, truncate_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.documents import Batch
    from fieldfare.live import LiveIndex
    from fieldfare.plan import Claim, Estimate, MigrationPlan, Step

__all__ = ["fieldfare_classify", "fieldfare_estimate", "fieldfare_plan_steps", "fieldfare_transform"]


@hookimpl
def fieldfare_classify(change: Change, live: LiveIndex) -> Claim | None:
    """Claim every change of a vector field's dims."""
    return claim_dims(change, live) if isinstance(change, UpdateField) else None


@hookimpl
def fieldfare_plan_steps(change: Change, live: LiveIndex) -> Sequence[Step]:
    """Cut the vectors of every document."""
    field = live.definition.find(change.name) if isinstance(change, UpdateField) else None
    if field is None or not isinstance(change, UpdateField):
        return []
    return [plan_truncation(parameters_of(change, field, live))]


@hookimpl
def fieldfare_estimate(plan: MigrationPlan) -> Estimate | None:
    """Estimate the backup's size and the memory afterwards."""
    return forecast(plan)


@hookimpl
def fieldfare_transform(step: Step, batch: Batch) -> Batch:
    """Cut a batch of vectors."""
    return truncate_batch(Parameters.of(step), batch)
