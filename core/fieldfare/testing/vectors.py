"""Vectors for tests that are about other things: short, all different, and in all directions."""

from __future__ import annotations

import math
import struct

__all__ = ["direction"]


def direction(row: int, code: str = "f") -> bytes:
    """Return a vector of two values and length one, as Redis has it.

    No two of a few thousand point the same way, and none is lost when they become float16.

    Args:
        row: which one.
        code: the code of the values: ``f`` for float32, ``e`` for float16.
    """
    return struct.pack(f"<2{code}", math.cos(row), math.sin(row))
