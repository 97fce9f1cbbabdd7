"""Estimating what moving keys needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.definition.reply import encode
from fieldfare.plan import Estimate
from fieldfare_prefix.move import KIND, Move

if TYPE_CHECKING:
    from fieldfare.plan import MigrationPlan

__all__ = ["estimate_moves"]

COMMAND_BYTES: Final = 40
"""RENAMENX in the append-only file, besides the two names."""


def estimate_moves(plan: MigrationPlan) -> Estimate | None:
    """Estimate the moves of a plan from its documents and the sampled keys; None if it has none.

    Between the slots of a cluster every value is written to the append-only file as well; how large the
    values are is not in the plan.
    """
    moves = [(step, Move.of(step)) for step in plan.steps if step.kind == KIND]
    if not moves:
        return None
    documents = plan.source.stats.num_docs
    sample = [encode(key) for key in plan.source.key_sample]
    names = [len(name) for _, move in moves for pair in move.forward_pairs(sample) for name in pair]
    average = sum(names) // max(len(sample), 1)
    return Estimate(
        aof_bytes=documents * (average + COMMAND_BYTES),
        lines=tuple(
            f"{step.summary}: values are not copied, unless a key changes its cluster slot" for step, _ in moves
        ),
    )
