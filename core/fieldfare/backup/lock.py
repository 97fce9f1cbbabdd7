"""The lock on a backup: one process at a time. Backups in the same directory have separate locks.

``<prefix>.lock`` is locked with the operating system, which releases it when the process ends, even if it is killed.
``<prefix>.lock.json`` names the holder: ``host``, ``pid``, ``started`` (UTC, ISO 8601).
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from fieldfare.backup.durable import PRIVATE, remove_leftovers, write_durably
from fieldfare.backup.paths import backup_file
from fieldfare.backup.safe_open import read_json, require_regular_file
from fieldfare.errors import BackupUnusable, LockHeld
from fieldfare.storage import BackupPath, StoragePath

__all__ = ["lock_backup"]


@contextmanager
def lock_backup(prefix: BackupPath) -> Iterator[None]:
    """Lock a backup. Does not wait for another holder.

    A storage has no such lock: there, the lock on the index in Redis keeps a second process away, and objects of an
    earlier session never count before those of a later one.

    Args:
        prefix: from ``backup_prefix``; its directory exists.

    Raises:
        LockHeld: another process (or another caller in this one) holds it; names host, pid and start.
        BackupUnusable: the file system supports no locks, or the lock file is not a regular file.
    """
    if isinstance(prefix, StoragePath):
        yield
        return
    path, holder = backup_file(prefix, "lock"), backup_file(prefix, "lock.json")
    # not bound to a thread: the asynchronous interface may acquire in one and release in another
    lock = FileLock(path, timeout=0, mode=PRIVATE, thread_local=False)
    require_regular_file(path)
    is_known = path.exists() or backup_file(prefix, "header").exists()
    try:
        lock.acquire()
    except Timeout as error:
        raise LockHeld(f"the backup {prefix}", describe_holder(holder)) from error
    except (OSError, NotImplementedError) as error:
        raise BackupUnusable(path, f"it cannot be locked: {error}") from error
    try:
        _write_holder(holder)
        if is_known:  # a new backup has no leftovers
            remove_leftovers(prefix)
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _write_holder(holder: Path) -> None:
    content = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        write_durably(holder, json.dumps(content).encode())
    except OSError as error:
        raise BackupUnusable(holder, f"the file cannot be written: {error.strerror}") from error


def describe_holder(holder: Path) -> str:
    try:
        other = read_json(holder)
        return f"host {other['host']}, pid {other['pid']}, since {other['started']}"
    except (OSError, BackupUnusable, ValueError, KeyError, TypeError):
        return "a process that has not written its name yet"
