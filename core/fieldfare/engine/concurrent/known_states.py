"""States of a document that a run remembers: how many, where an application writes the document all the time."""

from __future__ import annotations

from typing import Final

__all__ = ["STATE_SIZE", "bounded"]

STATE_SIZE: Final = 16
"""Bytes of a state: digests of two values."""

FIRST: Final = 4
LATEST: Final = 28
MOST: Final = 64
"""How many states of a document are in memory; of more, the first and the latest ones stay."""


def bounded(known: bytes) -> bytes:
    """Return known states, one behind the other, without those between the first and the latest ones if there are many.

    What is no longer known counts as written by an application, which is left alone.
    """
    if len(known) <= MOST * STATE_SIZE:
        return known
    return known[: FIRST * STATE_SIZE] + known[-LATEST * STATE_SIZE :]
