"""Hook implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.changes import Change, UpdateField
from fieldfare.hooks.markers import hookimpl
from fieldfare_dims.claim import claim_dims, parameters_of
from fieldfare_dims.truncation import estimate_truncations, plan_truncation, truncate_batch
from fieldfare_vectors.prediction_table import requested_recall
from fieldfare_vectors.recall_step import plan_recall
from fieldfare_vectors.truncation_parameters import TruncationParameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.documents import Batch
    from fieldfare.hooks.dump_watcher import DumpWatcher
    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare.hooks.run import Run
    from fieldfare.plan import Claim, Estimate, MigrationPlan, Receipt, Step
    from fieldfare.report import Finding

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
    "fieldfare_watch_dump",
]

RECALL: Final = "dims.recall"
"""The kind of the steps that measure recall."""


@hookimpl
def fieldfare_classify(change: Change, live: LiveIndex) -> Claim | None:
    """Claim every change of a vector field's dims."""
    return claim_dims(change, live) if isinstance(change, UpdateField) else None


@hookimpl
def fieldfare_plan_steps(change: Change, claim: Claim, live: LiveIndex) -> Sequence[Step]:
    """Truncate the vectors of every document, and measure recall before and after."""
    field = live.definition.find(change.name) if isinstance(change, UpdateField) else None
    if field is None or not isinstance(change, UpdateField):
        return []
    parameters = parameters_of(change, field, live)
    return [
        plan_truncation(parameters),
        *plan_recall(RECALL, parameters.field, requested_recall(claim.details), live.options),
    ]


@hookimpl
def fieldfare_estimate(plan: MigrationPlan) -> Estimate | None:
    """Estimate the backup's size and the memory afterwards."""
    return estimate_truncations(plan)


@hookimpl
def fieldfare_backup(step: Step, run: Run) -> None:
    """Save recall queries and their true neighbours."""
    from fieldfare_vectors.recall_measurement import record_baseline  # noqa: PLC0415 - numpy costs start-up time

    record_baseline(step, run)


@hookimpl
def fieldfare_watch_dump(step: Step, run: Run) -> DumpWatcher | None:
    """Find the true neighbours of recall queries among the originals that are dumped."""
    from fieldfare_vectors.recall_measurement import watch_dump  # noqa: PLC0415 - numpy costs start-up time

    return watch_dump(step, run)


@hookimpl
def fieldfare_transform(step: Step, batch: Batch) -> Batch:
    """Truncate a batch of vectors."""
    return truncate_batch(TruncationParameters.of(step), batch)


@hookimpl
def fieldfare_execute_step(step: Step, run: Run) -> Receipt:
    """Measure the recall of the target index."""
    from fieldfare_vectors.recall_measurement import measure_recall  # noqa: PLC0415 - numpy costs start-up time

    return measure_recall(step, run)


@hookimpl
def fieldfare_verify_step(receipt: Receipt | None) -> bool:
    """Return whether recall was measured; measuring it again changes nothing."""
    return receipt is not None


@hookimpl
def fieldfare_undo_step() -> None:
    """Undo nothing: measuring recall changes nothing."""


@hookimpl
def fieldfare_validate(plan: MigrationPlan, run: Run) -> Sequence[Finding]:
    """Compare the measured recall with the required one."""
    from fieldfare_vectors.recall_check import check_recall  # noqa: PLC0415 - plans are made without it

    return check_recall(RECALL, plan, run)
