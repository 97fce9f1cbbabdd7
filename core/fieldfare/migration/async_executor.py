"""The executor for event loops, under the names of RedisVL's migrator."""

from __future__ import annotations

from fieldfare.api.asynchronous import AsyncMigrationExecutor

__all__ = ["AsyncMigrationExecutor"]
