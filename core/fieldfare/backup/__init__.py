"""Backups: the captured keys, and the original bytes of everything that a run overwrites.

Files, all beside one another under one prefix (``name``): ``.header``, JSON, written by the journal;
``.keys`` and ``.data``, rows of frames (``frame``) that hold records (``record``); ``.manifest`` and a ``.data`` per
shard where several workers wrote; ``.lock`` and ``.lock.json``.
Loading a backup runs no code.
"""

from fieldfare.backup.directory import open_directory
from fieldfare.backup.durable import sync_directory, write_durably
from fieldfare.backup.header import read_header
from fieldfare.backup.lock import hold_backup
from fieldfare.backup.name import backup_file, backup_prefix, find_prefixes, resolve_prefix
from fieldfare.backup.record import ADDED, LATE, REWRITE, SUPERSEDED
from fieldfare.backup.shards import Shard
from fieldfare.backup.store import BackupStore
from fieldfare.backup.vectors import VectorBackup
from fieldfare.backup.verification import Expectation

__all__ = [
    "ADDED",
    "LATE",
    "REWRITE",
    "SUPERSEDED",
    "BackupStore",
    "Expectation",
    "Shard",
    "VectorBackup",
    "backup_file",
    "backup_prefix",
    "find_prefixes",
    "hold_backup",
    "open_directory",
    "read_header",
    "resolve_prefix",
    "sync_directory",
    "write_durably",
]
