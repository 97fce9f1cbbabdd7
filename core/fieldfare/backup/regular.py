"""Opening files that nobody may have swapped for something else.

A backup directory may come from a stranger. A link in it would lead reads and writes elsewhere, and a pipe or a
device would never come to an end, so only regular files are opened.
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

__all__ = ["LARGEST", "open_regular", "read_json", "refuse_other_kinds"]

LARGEST: Final = 16 * 2**20
"""Bytes of a JSON file of ours: many times what the largest plan takes."""

LONGEST_NUMBER: Final = 300
"""Digits; a float holds no larger number."""


def open_regular(path: Path, flags: int) -> int:
    """Open a regular file and return its descriptor.

    Args:
        path: the file.
        flags: as of ``os.open``; a file that is created is its owner's alone.

    Raises:
        BackupUnusable: it is a link, a pipe or a device.
        OSError: it cannot be opened, or is a directory.
    """
    try:
        # a pipe must not make us wait for its other end
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, PRIVATE)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            raise _foreign(path) from error
        raise
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    raise _foreign(path)


def refuse_other_kinds(path: Path) -> None:
    """Make sure that there is no link, pipe or device at a path which somebody else is going to open.

    Raises:
        BackupUnusable: there is.
    """
    with suppress(OSError):
        os.close(open_regular(path, os.O_RDONLY))


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        FileNotFoundError: there is none.
        BackupUnusable: it cannot be read, is no regular file, or is far larger than any of ours.
        ValueError: it is no JSON, or JSON that fieldfare does not write: a key that is there twice, a number of
            hundreds of digits, thousands of lists in each other.
    """
    try:
        with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise BackupUnusable(path, f"the file cannot be read: {error.strerror}") from error
    if len(content) > LARGEST:
        raise BackupUnusable(path, f"it is larger than {LARGEST} bytes; fieldfare did not write it")
    try:
        return json.loads(content, object_pairs_hook=_mapping, parse_int=_integer)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        raise ValueError("a key is there twice")
    return mapping


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _foreign(path: Path) -> BackupUnusable:
    return BackupUnusable(path, "it is no regular file, so fieldfare did not write it. Nothing was changed.")
