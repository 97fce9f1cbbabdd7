"""Estimate what conversions need: disk for the backup, and the server's memory afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.changes import UpdateField
from fieldfare.definition import Storage
from fieldfare.plan import Estimate, MigrationPlan, Step
from fieldfare_quantize.claim import parameters_of
from fieldfare_quantize.conversion import CONVERT, ConversionParameters
from fieldfare_vectors.chain import ends_chain, starts_chain
from fieldfare_vectors.datatype import width_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["estimate_conversions"]


def estimate_conversions(plan: MigrationPlan) -> Estimate | None:
    """Estimate the conversions of a plan from its documents, dims and widths; None if it has none."""
    documents = plan.source.stats.num_docs
    steps = [step for step in plan.steps if step.kind == CONVERT]
    if steps:
        return Estimate.total([_estimate(step, plan) for step in steps])
    index_only = list(_index_only(plan))
    if not index_only:
        return None
    return Estimate(
        memory_delta_bytes=sum(
            documents * each.dims * (width_of(each.target) - width_of(each.source)) for each in index_only
        ),
        lines=tuple(f"{_line(each)} (in the index only; JSON documents stay as they are)" for each in index_only),
    )


def _estimate(step: Step, plan: MigrationPlan) -> Estimate:
    parameters, documents = ConversionParameters.of(step), plan.source.stats.num_docs
    old, new = (documents * parameters.dims * width_of(each) for each in (parameters.source, parameters.target))
    # the output of an earlier step is not saved
    saved = old if starts_chain(step, plan) else 0
    return Estimate(
        disk_bytes=saved,
        # the larger of a snapshot before and one after the migration
        rdb_bytes=saved + max(0, new - old),
        aof_bytes=new if ends_chain(step, plan) else 0,
        memory_delta_bytes=new - old,
        lines=(_line(parameters),),
    )


def _index_only(plan: MigrationPlan) -> Iterator[ConversionParameters]:
    if plan.target.storage is not Storage.JSON or not plan.supported:
        return
    for change in plan.changes:
        field = plan.target.find(change.name) if isinstance(change, UpdateField) else None
        if field is not None and isinstance(change, UpdateField) and change.attribute == "datatype":
            yield parameters_of(change, field)


def _line(parameters: ConversionParameters) -> str:
    return f"Vector field {parameters.field!r}: {parameters.dims} dims, {parameters.source} -> {parameters.target}"
