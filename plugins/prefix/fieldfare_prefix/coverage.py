"""Whether another index covers keys before and after they move."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.changes import ChangePrefix
    from fieldfare.definition import IndexDefinition

__all__ = ["Coverage", "coverage", "overlaps"]


class Coverage(Enum):
    """Whether another index covers the keys before and after the move."""

    NEVER = auto()
    KEEPS = auto()
    LOSES = auto()
    GAINS = auto()


def coverage(other: IndexDefinition, change: ChangePrefix, prefixes: Sequence[str]) -> Coverage:
    """Return whether another index of the same storage covers the keys before and after a change.

    Args:
        other: the other index.
        change: the prefix, before and after.
        prefixes: of the index whose keys move. Keys below a longer prefix than ``change.old`` stay.
    """
    longer = tuple(prefix for prefix in prefixes if prefix != change.old and prefix.startswith(change.old))
    if all(any(prefix.startswith(each) for each in other.prefixes) for prefix in (change.old, change.new)):
        return Coverage.KEEPS
    if any(overlaps(each, change.old) and not each.startswith(longer) for each in other.prefixes):
        return Coverage.LOSES
    if any(overlaps(each, change.new) for each in other.prefixes):
        return Coverage.GAINS
    return Coverage.NEVER


def overlaps(first: str, second: str) -> bool:
    """Whether a key can start with both prefixes."""
    return first.startswith(second) or second.startswith(first)
