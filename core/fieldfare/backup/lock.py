"""One migrator at a time per backup; different backups of one directory don't meet.

``<prefix>.lock`` is locked by the operating system, which frees it when the process ends in whatever way.
``<prefix>.lock.json`` says who holds it: ``host``, ``pid``, ``started`` (UTC, ISO 8601).
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
from fieldfare.backup.name import backup_file
from fieldfare.backup.regular import read_json, refuse_other_kinds
from fieldfare.errors import BackupUnusable, LockHeld

__all__ = ["hold_backup"]


@contextmanager
def hold_backup(prefix: Path) -> Iterator[None]:
    """Hold the lock of a backup, or refuse at once.

    Args:
        prefix: from ``backup_prefix``; its directory exists.

    Raises:
        LockHeld: another process (or another caller in this one) holds it; names host, pid and start.
        BackupUnusable: the file system gives no lock, or the lock file is none.
    """
    path, holder = backup_file(prefix, "lock"), backup_file(prefix, "lock.json")
    # not bound to a thread: the asynchronous interface may acquire in one and release in another
    lock = FileLock(path, timeout=0, mode=PRIVATE, thread_local=False)
    refuse_other_kinds(path)
    is_known = path.exists() or backup_file(prefix, "header").exists()
    try:
        lock.acquire()
    except Timeout as error:
        raise LockHeld(f"the backup {prefix}", describe_holder(holder)) from error
    except (OSError, NotImplementedError) as error:
        raise BackupUnusable(path, f"it cannot be locked: {error}") from error
    try:
        _introduce(holder)
        if is_known:  # else there was nobody to leave anything
            remove_leftovers(prefix)
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _introduce(holder: Path) -> None:
    me = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        write_durably(holder, json.dumps(me).encode())
    except OSError as error:
        raise BackupUnusable(holder, f"the file cannot be written: {error.strerror}") from error


def describe_holder(holder: Path) -> str:
    try:
        other = read_json(holder)
        return f"host {other['host']}, pid {other['pid']}, since {other['started']}"
    except (OSError, BackupUnusable, ValueError, KeyError, TypeError):
        return "a process that has not said yet who it is"
