"""Whether the migration of an index has a switch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.plan import Phase

if TYPE_CHECKING:
    from fieldfare.plan import MigrationPlan

__all__ = ["has_switch"]


def has_switch(plan: MigrationPlan) -> bool:
    """Whether a plan moves names to an index that is built beside the old one."""
    return any(step.phase is Phase.SWITCH for step in plan.steps)
