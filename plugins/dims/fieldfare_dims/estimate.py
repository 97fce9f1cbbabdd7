"""Estimate what truncations need: disk for the backup, and the server's memory afterwards."""

from __future__ import annotations

from typing import Final

from fieldfare.plan import Estimate, MigrationPlan, Step
from fieldfare_dims.parameters import TruncationParameters
from fieldfare_vectors.chain import ends_chain, starts_chain
from fieldfare_vectors.planned_truncation import TRUNCATE

__all__ = ["estimate_truncations"]

JSON_NUMBER_BYTES: Final = 20
"""Bytes of a number as JSON text, with sign, point and comma."""


def estimate_truncations(plan: MigrationPlan) -> Estimate | None:
    """Estimate the truncations of a plan from its documents, dims and widths; None if it has none."""
    steps = [step for step in plan.steps if step.kind == TRUNCATE]
    return Estimate.total([_estimate(step, plan) for step in steps]) if steps else None


def _estimate(step: Step, plan: MigrationPlan) -> Estimate:
    parameters, documents = TruncationParameters.of(step), plan.source.stats.num_docs
    bytes_per_dim = documents * (JSON_NUMBER_BYTES if parameters.in_json else parameters.width)
    old = bytes_per_dim * parameters.source if starts_chain(step, plan) else 0
    return Estimate(
        disk_bytes=old,
        rdb_bytes=old,  # a snapshot before the migration holds all of it
        aof_bytes=bytes_per_dim * parameters.target if ends_chain(step, plan) else 0,
        memory_delta_bytes=documents * (parameters.target - parameters.source) * parameters.width,
        lines=(_line(parameters),),
    )


def _line(parameters: TruncationParameters) -> str:
    line = f"Vector field {parameters.field!r}: {parameters.source} -> {parameters.target} dims, {parameters.datatype}"
    return f"{line} (JSON documents get shorter too; how much is not counted)" if parameters.in_json else line
