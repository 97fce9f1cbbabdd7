"""The header of a backup, as far as this room needs to know it: JSON with a ``format`` key.

The journal writes it, and checks the rest of its content.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from fieldfare.errors import BackupUnusable

__all__ = ["read_header"]

LARGEST: Final = 256 * 2**20


def read_header(path: Path) -> dict[str, Any]:
    """Read a ``.header`` file.

    Raises:
        BackupUnusable: it is missing, unreadable, or was not written by fieldfare.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise BackupUnusable(path, f"it is larger than {LARGEST} bytes; fieldfare did not write it")
        header = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise BackupUnusable(path, "there is no such backup") from error
    except OSError as error:
        raise BackupUnusable(path, f"the file cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BackupUnusable(path, "it is damaged, or fieldfare did not write it: it is no JSON") from error
    if not isinstance(header, dict) or "format" not in header:
        raise BackupUnusable(path, "fieldfare did not write it: it has no 'format'")
    return header
