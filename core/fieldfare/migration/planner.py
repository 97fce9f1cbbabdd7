"""The planner, under the names of RedisVL's migrator."""

from __future__ import annotations

from fieldfare.api import MigrationPlanner

__all__ = ["MigrationPlanner"]
