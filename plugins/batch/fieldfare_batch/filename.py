"""File names for index names."""

from __future__ import annotations

import hashlib
import re
from typing import Final

__all__ = ["file_stem"]

PLAIN: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,79}")
UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")


def file_stem(index: str) -> str:
    """Return a name for an index's files: its own where that is plain, else one made safe, with a hash."""
    if PLAIN.fullmatch(index):
        return index
    digest = hashlib.sha256(index.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return f"_{UNSAFE.sub('_', index)[:80]}-{digest}"
