"""The executor, under the names of RedisVL's migrator."""

from __future__ import annotations

from fieldfare.api import MigrationExecutor

__all__ = ["MigrationExecutor"]
