"""What the modes mean for plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from fieldfare.engine.alter.planner import AlterPlanner
from fieldfare.engine.drop_recreate.planner import DropRecreatePlanner
from fieldfare.engine.mode import ModePlanner
from fieldfare.engine.shadow.planner import ShadowPlanner

__all__ = ["MODE_PLANNERS"]

MODE_PLANNERS: Final[Mapping[str, ModePlanner]] = {
    mode.name: mode for mode in (AlterPlanner(), ShadowPlanner(), DropRecreatePlanner())
}
"""Name in plan files → what plans it."""
