"""Documents as a synchronization sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

__all__ = ["Found", "Pairs"]


class Pairs(Protocol):
    """Documents with what both places of their pairs hold."""

    @property
    def keys(self) -> Sequence[bytes]:
        """The keys that name the documents."""

    def outdated(self) -> list[int]:
        """Return the documents with a copy that is not what its original becomes."""

    def select(self, rows: Sequence[int]) -> Self:
        """Return some of the documents."""


Found = TypeVar("Found", bound=Pairs)
