"""What cutting vectors will need: disk for the backup, and the server's memory afterwards."""

from __future__ import annotations

from typing import Final

from fieldfare.plan import Estimate, MigrationPlan
from fieldfare_dims.truncation import KIND, Parameters

__all__ = ["forecast"]

DIGITS: Final = 20
"""Bytes that a number takes as JSON text, with sign, point and comma."""


def forecast(plan: MigrationPlan) -> Estimate | None:
    """Estimate the truncations of a plan from its documents, dims and widths; None if it has none."""
    documents = plan.source.stats.num_docs
    steps = [Parameters.of(step) for step in plan.steps if step.kind == KIND]
    if not steps:
        return None
    old = sum(documents * each.source * _bytes_of(each) for each in steps)
    new = sum(documents * each.target * _bytes_of(each) for each in steps)
    return Estimate(
        disk_bytes=old,
        # before the migration, an RDB snapshot holds all of it
        rdb_bytes=old,
        aof_bytes=new,
        memory_delta_bytes=sum(documents * (each.target - each.source) * each.width for each in steps),
        lines=tuple(map(_line, steps)),
    )


def _bytes_of(parameters: Parameters) -> int:
    """Return the bytes that a value takes in a document."""
    return DIGITS if parameters.in_json else parameters.width


def _line(parameters: Parameters) -> str:
    line = f"Vector field {parameters.field!r}: {parameters.source} -> {parameters.target} dims, {parameters.datatype}"
    return f"{line} (JSON documents get shorter too; how much is not counted)" if parameters.in_json else line
