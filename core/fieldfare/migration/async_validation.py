"""The validator for event loops, under the names of RedisVL's migrator."""

from __future__ import annotations

from fieldfare.api.asynchronous import AsyncMigrationValidator

__all__ = ["AsyncMigrationValidator"]
