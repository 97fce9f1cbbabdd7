"""Backups and the journal: captured keys, the original bytes of everything that a run overwrites, how far a run got.

The files of a backup share a prefix (``paths``): ``.header``, the journal as JSON; ``.keys`` and ``.data``, sequences
of frames (``frame``) that hold records (``record``); with several workers a ``.manifest`` and one ``.data`` file per
shard; ``.lock`` and ``.lock.json``. Loading a backup runs no code.
May import: ``hooks`` and below. Must not know: the engine, servers, what is done with the originals.
"""

from fieldfare.backup.directory import open_directory
from fieldfare.backup.durable import sync_directory, write_durably
from fieldfare.backup.header import read_header
from fieldfare.backup.lock import lock_backup
from fieldfare.backup.paths import backup_file, backup_prefix, find_prefixes, resolve_prefix
from fieldfare.backup.record import (
    CONCURRENT_INSERTS,
    CONCURRENT_UPDATES,
    OVERWRITTEN,
    PRESENT_VALUES,
    REMOVED_ORIGINALS,
    REPLACED_VALUES,
    REWRITE,
    SHADOW_STATES,
)
from fieldfare.backup.shards import Shard
from fieldfare.backup.store import BackupStore
from fieldfare.backup.vectors import VectorBackup
from fieldfare.backup.verification import ExpectedBackup

__all__ = [
    "CONCURRENT_INSERTS",
    "CONCURRENT_UPDATES",
    "OVERWRITTEN",
    "PRESENT_VALUES",
    "REMOVED_ORIGINALS",
    "REPLACED_VALUES",
    "REWRITE",
    "SHADOW_STATES",
    "BackupStore",
    "ExpectedBackup",
    "Shard",
    "VectorBackup",
    "backup_file",
    "backup_prefix",
    "find_prefixes",
    "lock_backup",
    "open_directory",
    "read_header",
    "resolve_prefix",
    "sync_directory",
    "write_durably",
]
