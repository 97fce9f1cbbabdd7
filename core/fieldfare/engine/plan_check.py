"""Checking that a plan does what it says, whoever has edited its file."""

from __future__ import annotations

from collections import Counter

from fieldfare.changes import apply_changes
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.engine.modes import mode_of
from fieldfare.errors import PlanEdited
from fieldfare.plan import MigrationPlan

__all__ = ["check_plan"]


def check_plan(plan: MigrationPlan) -> None:
    """Make sure that the target is what the changes make of the source, so that a plan does what it says.

    No step may stand twice: the journal knows steps by their ids, and a rollback would undo only one of the two.

    Raises:
        PlanEdited: it is not; whoever wrote the plan, it was not fieldfare.
    """
    try:
        expected = apply_changes(plan.source.definition, plan.changes)
        found = find_mismatches(mode_of(plan).expected_target(plan, expected), plan.target)
    except (AttributeError, LookupError, TypeError, ValueError):
        found = ("the changes fit no index",)
    repeated = [name for name, count in Counter(step.id for step in plan.steps).items() if count > 1]
    if repeated:
        raise PlanEdited(f"for {plan.index!r}", f"the step {repeated[0]} stands more than once")
    if found:
        raise PlanEdited(f"for {plan.index!r}", f"merged_target_schema does not follow from changes: {found[0]}")
