"""Steps that rewrite the same field one after the other, in one pass: each document is saved and written once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldfare.plan import MigrationPlan, Step

__all__ = ["ends_chain", "starts_chain"]


def starts_chain(step: Step, plan: MigrationPlan) -> bool:
    """Return whether no earlier step rewrites the same fields: then the step's input goes to the backup."""
    return not _shares(step, plan.steps[: plan.steps.index(step)])


def ends_chain(step: Step, plan: MigrationPlan) -> bool:
    """Return whether no later step rewrites the same fields: then the step's output goes to Redis."""
    return not _shares(step, plan.steps[plan.steps.index(step) + 1 :])


def _shares(step: Step, others: tuple[Step, ...]) -> bool:
    return any(other.transforms and not set(step.fields).isdisjoint(other.fields) for other in others)
