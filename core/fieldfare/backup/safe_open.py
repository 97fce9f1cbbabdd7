"""Opens regular files only.

A backup directory may come from an untrusted source. A link in it would redirect reads and writes to other files, and
a pipe or a device may have no end.
"""

from __future__ import annotations

import errno
import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from fieldfare.backup.durable import PRIVATE
from fieldfare.errors import BackupUnusable
from fieldfare.storage import BackupPath, StoragePath

__all__ = ["LARGEST", "open_regular", "read_bytes", "read_json", "require_regular_file"]

LARGEST: Final = 16 * 2**20
"""Maximum size of a JSON file in bytes: many times that of the largest plan."""

LONGEST_NUMBER: Final = 300
"""Maximum digits of a number; a float holds no larger number."""


def open_regular(path: Path, flags: int) -> int:
    """Open a regular file and return its descriptor.

    Args:
        path: the file.
        flags: the flags for ``os.open``; only its owner may read and write a file that is created.

    Raises:
        BackupUnusable: it is a link, a pipe or a device.
        OSError: it cannot be opened, or is a directory.
    """
    try:
        # O_NONBLOCK, because opening a pipe would wait for its other end
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, PRIVATE)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            raise _not_regular(path) from error
        raise
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise _not_regular(path)


def require_regular_file(path: Path) -> None:
    """Check that a path is not a link, pipe or device, before other code opens it.

    Raises:
        BackupUnusable: it is one.
    """
    with suppress(OSError):
        os.close(open_regular(path, os.O_RDONLY))


def read_bytes(path: BackupPath) -> bytes:
    """Read a small file.

    Raises:
        FileNotFoundError: the file does not exist.
        BackupUnusable: it cannot be read, is not a regular file, or is larger than ``LARGEST``.
    """
    if isinstance(path, StoragePath):
        return path.read_bytes(LARGEST)
    try:
        with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BackupUnusable(path, f"the file cannot be read: {error.strerror}") from error
    if len(content) > LARGEST:
        raise BackupUnusable(path, f"it is larger than {LARGEST} bytes; fieldfare did not write it")
    return content


def read_json(path: BackupPath) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: the file does not exist.
        BackupUnusable: as :func:`read_bytes`.
        ValueError: it is not JSON, or JSON that fieldfare does not write: a duplicate key, a number of hundreds of
            digits, thousands of nested lists.
    """
    try:
        return json.loads(read_bytes(path), object_pairs_hook=_mapping, parse_int=_integer)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError("it has a duplicate key")
    return mapping


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _not_regular(path: Path) -> BackupUnusable:
    return BackupUnusable(path, "it is not a regular file, so fieldfare did not write it. Nothing was changed.")
