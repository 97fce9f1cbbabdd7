"""Writes files atomically and durably: after a crash, the old content or the new content is there."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from fieldfare.storage import BackupPath, StoragePath
from fieldfare.support.fault_points import reach

__all__ = ["PRIVATE", "content_checksum", "remove_durably", "remove_leftovers", "sync_directory", "write_durably"]

PRIVATE: Final = 0o600
"""Permissions of backup files: they hold data of users, so only the owner may read them."""


def write_durably(path: BackupPath | str, data: bytes) -> None:
    """Write a file so that a crash leaves the old content or the new one, never a part of it.

    The data goes to a temporary file in the same directory, which is fsynced and renamed; then the directory is
    fsynced. A crash may leave ``.<name>.<8 hex>.tmp`` behind, which is never read. Only the owner may read and write
    the file. In a storage, the data is a further object, which is read back.

    Raises:
        OSError: the file cannot be written; it keeps the old content.
        BackupUnusable: so does a file in a storage.
    """
    if isinstance(path, StoragePath):
        path.write_bytes(data)
        return
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    reach("file.replace:before")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        reach("file.replace:written")
        temporary.replace(path)
        reach("file.replace:renamed")
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
    reach("file.replace:after")


def remove_durably(path: BackupPath) -> None:
    """Remove a file, which may be missing, and make that durable.

    Raises:
        OSError: it cannot be removed.
        BackupUnusable: the storage fails.
    """
    path.unlink(missing_ok=True)
    if isinstance(path, Path):
        sync_directory(path.parent)


def content_checksum(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the content of a JSON file, to detect a damaged or edited file."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def sync_directory(path: Path | str) -> None:
    """Make created, renamed and removed names in a directory durable.

    Raises:
        OSError: the directory cannot be opened or synced.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(prefix: Path) -> None:
    """Remove temporary files that crashed writes of a backup left behind. Only for the holder of the backup's lock."""
    start = f".{prefix.name}."
    for path in prefix.parent.iterdir():
        if path.name.startswith(start) and path.name.endswith(".tmp"):
            path.unlink(missing_ok=True)
