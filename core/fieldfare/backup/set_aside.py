"""Sets a backup aside, so that a new one can begin under the same prefix. Nothing is deleted."""

from __future__ import annotations

import re
from typing import Final

from fieldfare.backup.durable import sync_directory
from fieldfare.backup.paths import ENDINGS, backup_file, shard_endings
from fieldfare.errors import BackupUnusable
from fieldfare.storage import BackupPath, StoragePath
from fieldfare.support.fault_points import reach

__all__ = ["set_aside"]

STAMP: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")


def set_aside(prefix: BackupPath, stamp: str) -> BackupPath:
    """Rename all files of a backup to ``<prefix>.<stamp>.stale.*``. They must be closed.

    No file is ever overwritten: if files of this stamp exist, a number is appended. The header is renamed last, so
    that after a crash the rest can be set aside again. In a storage nothing is renamed: new objects get another
    series, and the earlier ones are not read any more.

    Args:
        prefix: the prefix of the backup.
        stamp: letters, digits, ``-`` and ``_``; usually the time.

    Returns:
        The new prefix.

    Raises:
        BackupUnusable: a file cannot be renamed.
        ValueError: the stamp has other characters.
    """
    if not STAMP.fullmatch(stamp):
        raise ValueError(f"{stamp!r} cannot be part of a file name")
    if isinstance(prefix, StoragePath):
        prefix.set_aside()
        return prefix
    number, stale = 1, prefix.with_name(f"{prefix.name}.{stamp}.stale")
    while any(backup_file(stale, ending).exists() for ending in ENDINGS):
        number += 1
        stale = prefix.with_name(f"{prefix.name}.{stamp}-{number}.stale")
    try:
        for ending in (*shard_endings(prefix), *ENDINGS):
            path = backup_file(prefix, ending)
            if path.exists():
                reach("file.rename:before")
                path.rename(backup_file(stale, ending))
                reach("file.rename:after")
        sync_directory(prefix.parent)
    except OSError as error:
        raise BackupUnusable(prefix, f"it cannot be set aside: {error.strerror}") from error
    return stale
