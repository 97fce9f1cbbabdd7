"""The validator, under the names of RedisVL's migrator."""

from __future__ import annotations

from fieldfare.api import MigrationValidator

__all__ = ["MigrationValidator"]
