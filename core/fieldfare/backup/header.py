"""Reads the ``.header`` file of a backup: JSON with a ``format`` key.

``journal`` writes it, and checks the rest of its content.
"""

from __future__ import annotations

import json
from typing import Any

from fieldfare.backup.safe_open import read_bytes, read_json
from fieldfare.errors import BackupUnusable
from fieldfare.storage import BackupPath

__all__ = ["mentions", "read_header"]


def read_header(path: BackupPath) -> dict[str, Any]:
    """Read a ``.header`` file.

    Raises:
        BackupUnusable: it is missing, unreadable, or was not written by fieldfare.
    """
    try:
        header = read_json(path)
    except FileNotFoundError as error:
        raise BackupUnusable(path, "there is no such backup") from error
    except ValueError as error:
        raise BackupUnusable(path, f"it is damaged, or fieldfare did not write it: it is not JSON ({error})") from error
    if not isinstance(header, dict) or "format" not in header:
        raise BackupUnusable(path, "fieldfare did not write it: it has no 'format'")
    return header


def mentions(path: BackupPath, name: str) -> bool:
    """Whether a ``.header`` file has a text anywhere; far faster than reading it as JSON.

    Raises:
        FileNotFoundError: it does not exist.
        BackupUnusable: it cannot be read, or is not a regular file.
    """
    return json.dumps(name).encode() in read_bytes(path)
