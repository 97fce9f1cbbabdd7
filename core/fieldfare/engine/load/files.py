"""Two small JSON files beside a backup, which exist while a run is under way.

``<prefix>.throttle.json`` holds the limits of the run; ``fieldfare throttle`` changes it. ``<prefix>.running.json``
holds how fast the run is; ``fieldfare status`` shows it. Neither is synced to disk: a new command starts without them.
In a storage each is one object, which is overwritten and not read back.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

from fieldfare.backup import backup_file
from fieldfare.backup.durable import PRIVATE
from fieldfare.backup.safe_open import read_json
from fieldfare.errors import BackupUnusable
from fieldfare.storage import BackupPath, StoragePath

__all__ = ["RUNNING", "THROTTLE", "age", "read", "remove", "write"]

THROTTLE: Final = "throttle.json"
RUNNING: Final = "running.json"


def write(prefix: BackupPath, name: str, content: Mapping[str, Any]) -> None:
    """Replace one of the files.

    Raises:
        OSError: it cannot be written; it keeps its content.
        BackupUnusable: the storage fails.
    """
    if isinstance(prefix, StoragePath):
        backup_file(prefix, name).overwrite(json.dumps(content, sort_keys=True).encode())
        return
    path = backup_file(prefix, name)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE), "wb") as file:
            file.write(json.dumps(content, sort_keys=True, indent=1).encode())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def read(prefix: BackupPath, name: str) -> object | None:
    """Return the content of one of the files; None if it is missing or damaged."""
    try:
        if isinstance(prefix, StoragePath):
            found: object = json.loads(backup_file(prefix, name).overwritten())
            return found
        content: object = read_json(backup_file(prefix, name))
    except (OSError, ValueError, BackupUnusable):
        return None
    return content


def age(prefix: BackupPath, name: str) -> object | None:
    """Return what changes with every :func:`write`; None if the file is missing."""
    if isinstance(prefix, StoragePath):
        return str(read(prefix, name))
    try:
        found = backup_file(prefix, name).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def remove(prefix: BackupPath) -> None:
    """Remove both files."""
    for name in (THROTTLE, RUNNING):
        if isinstance(prefix, StoragePath):
            with suppress(BackupUnusable):
                backup_file(prefix, name).remove_overwritten()
            continue
        with suppress(OSError):
            backup_file(prefix, name).unlink(missing_ok=True)
