"""Estimate what a step needs that rewrites vectors: disk for the backup, and the server's memory afterwards."""

from __future__ import annotations

from fieldfare.plan import Estimate, MigrationPlan, Step

__all__ = ["estimate_rewrite"]


def estimate_rewrite(  # noqa: PLR0913 - what an estimate follows from
    step: Step, plan: MigrationPlan, *, before: int, after: int, memory_delta: int, line: str
) -> Estimate:
    """Estimate a step from the size of its vectors.

    Steps that rewrite the same field run in one pass: only the input of the first one goes to the backup, and only the
    output of the last one to Redis.

    Args:
        step: rewrites the vectors.
        plan: has the step.
        before: bytes of all vectors before the step.
        after: bytes of all vectors after the step.
        memory_delta: change of the server's memory.
        line: the step in one line.
    """
    position = plan.steps.index(step)
    saved = 0 if _rewritten_by(plan.steps[:position], step) else before
    return Estimate(
        disk_bytes=saved,
        # the larger of a snapshot before and one after the migration
        rdb_bytes=saved + max(0, after - before),
        aof_bytes=0 if _rewritten_by(plan.steps[position + 1 :], step) else after,
        memory_delta_bytes=memory_delta,
        lines=(line,),
    )


def _rewritten_by(others: tuple[Step, ...], step: Step) -> bool:
    return any(other.transforms and not set(step.fields).isdisjoint(other.fields) for other in others)
