"""Hook implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.changes import Change, UpdateField
from fieldfare.markers import hookimpl
from fieldfare_dims.claim import claim_dims, parameters_of
from fieldfare_dims.forecast import forecast
from fieldfare_dims.recall import RECALL, plan_recall
from fieldfare_dims.truncation import Parameters, plan_truncation, truncate_batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.documents import Batch
    from fieldfare.engine.run import Run
    from fieldfare.findings import Finding
    from fieldfare.live import LiveIndex
    from fieldfare.plan import Claim, Estimate, MigrationPlan, Receipt, Step

__all__ = [
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
def fieldfare_classify(change: Change, live: LiveIndex) -> Claim | None:
    """Claim every change of a vector field's dims."""
    return claim_dims(change, live) if isinstance(change, UpdateField) else None


@hookimpl
def fieldfare_plan_steps(change: Change, claim: Claim, live: LiveIndex) -> Sequence[Step]:
    """Cut the vectors of every document, and ask for neighbours before and after."""
    field = live.definition.find(change.name) if isinstance(change, UpdateField) else None
    if field is None or not isinstance(change, UpdateField):
        return []
    parameters = parameters_of(change, field, live)
    return [plan_truncation(parameters), *plan_recall(parameters, claim, live.options)]


@hookimpl
def fieldfare_estimate(plan: MigrationPlan) -> Estimate | None:
    """Estimate the backup's size and the memory afterwards."""
    return forecast(plan)


@hookimpl
def fieldfare_backup(step: Step, run: Run) -> None:
    """Write down questions and their true answers."""
    from fieldfare_vectors.measurement import record  # noqa: PLC0415 - numpy costs start-up time

    record(step, run)


@hookimpl
def fieldfare_transform(step: Step, batch: Batch) -> Batch:
    """Cut a batch of vectors."""
    return truncate_batch(Parameters.of(step), batch)


@hookimpl
def fieldfare_execute_step(step: Step, run: Run) -> Receipt:
    """Ask the target index the questions."""
    from fieldfare_vectors.measurement import measure  # noqa: PLC0415 - numpy costs start-up time

    return measure(step, run)


@hookimpl
def fieldfare_verify_step(receipt: Receipt | None) -> bool:
    """Whether the questions were asked; asking them again changes nothing."""
    return receipt is not None


@hookimpl
def fieldfare_undo_step() -> None:
    """Nothing was changed by asking."""


@hookimpl
def fieldfare_validate(plan: MigrationPlan, run: Run) -> Sequence[Finding]:
    """Compare the measured recall with what the user wants kept."""
    from fieldfare_vectors.judgement import findings  # noqa: PLC0415 - plans are made without it

    return findings(RECALL, plan, run)
