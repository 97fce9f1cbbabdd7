"""The modes that there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fieldfare.engine.alter.mode import Alter
from fieldfare.engine.drop_recreate.mode import DropRecreate
from fieldfare.engine.mode import Mode
from fieldfare.engine.shadow.mode import Shadow
from fieldfare.errors import PlanEdited
from fieldfare.plan import MigrationPlan

__all__ = ["MODES", "mode_of"]

MODES: Final[Mapping[str, Mode]] = {mode.name: mode for mode in (Alter(), Shadow(), DropRecreate())}
"""Name in plan files → mode."""


def mode_of(plan: MigrationPlan) -> Mode:
    """Return the mode of a plan.

    Raises:
        PlanEdited: there is no such mode.
    """
    if plan.mode not in MODES:
        raise PlanEdited(f"for {plan.index!r}", f"mode {plan.mode!r}; this fieldfare knows {', '.join(MODES)}")
    return MODES[plan.mode]
