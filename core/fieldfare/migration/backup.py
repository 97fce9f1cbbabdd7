"""Backups, under the names of RedisVL's migrator."""

from __future__ import annotations

from fieldfare.backup import VectorBackup

__all__ = ["VectorBackup"]
