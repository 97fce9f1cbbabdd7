"""Estimate what conversions need: disk for the backup, and the server's memory afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.changes import UpdateField
from fieldfare.definition import Storage
from fieldfare.plan import Estimate, MigrationPlan, Step
from fieldfare_quantize.conversion import CONVERT, ConversionParameters
from fieldfare_vectors.datatype import width_of
from fieldfare_vectors.estimate import estimate_rewrite

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["estimate_conversions"]


def estimate_conversions(plan: MigrationPlan) -> Estimate | None:
    """Estimate the conversions of a plan from its documents, dims and widths; None if it has none."""
    steps = [_estimate(step, plan) for step in plan.steps if step.kind == CONVERT]
    estimates = steps or list(_index_only(plan))
    return Estimate.total(estimates) if estimates else None


def _estimate(step: Step, plan: MigrationPlan) -> Estimate:
    parameters = ConversionParameters.of(step)
    old, new = _sizes(parameters, plan)
    return estimate_rewrite(step, plan, before=old, after=new, memory_delta=new - old, line=_line(parameters))


def _index_only(plan: MigrationPlan) -> Iterator[Estimate]:
    if plan.target.storage is not Storage.JSON or not plan.supported:
        return
    for change in plan.changes:
        field = plan.target.find(change.name) if isinstance(change, UpdateField) else None
        if field is not None and isinstance(change, UpdateField) and change.attribute == "datatype":
            parameters = ConversionParameters.for_change(change, field)
            old, new = _sizes(parameters, plan)
            line = f"{_line(parameters)} (in the index only; JSON documents stay as they are)"
            yield Estimate(memory_delta_bytes=new - old, lines=(line,))


def _sizes(parameters: ConversionParameters, plan: MigrationPlan) -> tuple[int, int]:
    """Return the bytes of all vectors before and after a conversion."""
    values = plan.source.stats.num_docs * parameters.dims
    return values * width_of(parameters.source), values * width_of(parameters.target)


def _line(parameters: ConversionParameters) -> str:
    return f"Vector field {parameters.field!r}: {parameters.dims} dims, {parameters.source} -> {parameters.target}"
