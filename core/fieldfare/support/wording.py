"""Counts in messages."""

from __future__ import annotations

__all__ = ["counted"]


def counted(count: int, one: str, several: str | None = None) -> str:
    """Return a count with its noun: ``no aliases``, ``1 alias``, ``1,200 aliases``.

    Args:
        count: the number.
        one: the noun in the singular.
        several: the noun in the plural; by default ``one`` with an ``s``.
    """
    noun = one if count == 1 else several or f"{one}s"
    return f"{count:,} {noun}" if count else f"no {noun}"
