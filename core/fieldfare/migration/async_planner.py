"""The planner for event loops, under the names of RedisVL's migrator."""

from __future__ import annotations

from fieldfare.api.asynchronous import AsyncMigrationPlanner

__all__ = ["AsyncMigrationPlanner"]
