"""What another index makes of keys that move."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.changes import ChangePrefix
    from fieldfare.definition import IndexDefinition

__all__ = ["Coverage", "coverage", "overlap"]


class Coverage(Enum):
    """Whether another index covers the keys before and after."""

    NEVER = auto()
    KEEPS = auto()
    LOSES = auto()
    GAINS = auto()


def coverage(other: IndexDefinition, change: ChangePrefix, prefixes: Sequence[str]) -> Coverage:
    """Return what a change means for another index of the same storage.

    Args:
        other: that index.
        change: the prefix, before and after.
        prefixes: those of the index whose keys move. Keys below a longer one than ``change.old`` stay.
    """
    longer = tuple(prefix for prefix in prefixes if prefix != change.old and prefix.startswith(change.old))
    if all(any(prefix.startswith(each) for each in other.prefixes) for prefix in (change.old, change.new)):
        return Coverage.KEEPS
    if any(overlap(each, change.old) and not each.startswith(longer) for each in other.prefixes):
        return Coverage.LOSES
    if any(overlap(each, change.new) for each in other.prefixes):
        return Coverage.GAINS
    return Coverage.NEVER


def overlap(first: str, second: str) -> bool:
    """Whether some key can start with both."""
    return first.startswith(second) or second.startswith(first)
