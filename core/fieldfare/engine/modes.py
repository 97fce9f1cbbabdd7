"""The modes that there are."""

from __future__ import annotations

from functools import cache
from typing import Final

from fieldfare.engine.mode import Mode
from fieldfare.errors import PlanEdited
from fieldfare.patch.mode import ModeName
from fieldfare.plan import MigrationPlan

__all__ = ["mode_of"]

NAMES: Final = tuple(name.value for name in ModeName if name is not ModeName.AUTO)
"""The modes of plan files."""


def mode_of(plan: MigrationPlan) -> Mode:
    """Return the mode of a plan.

    Raises:
        PlanEdited: there is no such mode.
    """
    if plan.mode not in NAMES:
        raise PlanEdited(f"for {plan.index!r}", f"mode {plan.mode!r}; this fieldfare knows {', '.join(NAMES)}")
    return _mode(plan.mode)


@cache
def _mode(name: str) -> Mode:
    """Return a mode; the modules of the others are not imported."""
    if name == ModeName.ALTER:
        from fieldfare.engine.alter.mode import Alter  # noqa: PLC0415 - start-up time

        return Alter()
    if name == ModeName.SHADOW:
        from fieldfare.engine.shadow.mode import Shadow  # noqa: PLC0415 - start-up time

        return Shadow()
    from fieldfare.engine.drop_recreate.mode import DropRecreate  # noqa: PLC0415 - start-up time

    return DropRecreate()
