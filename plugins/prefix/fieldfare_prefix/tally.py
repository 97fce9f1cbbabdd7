"""Counting keys, and remembering a few of them."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from fieldfare.documents import EXAMPLES
from fieldfare_prefix.move import Pair

__all__ = ["Tally"]


@define
class Tally:
    """How many keys, and the first few with their new names."""

    count: int = 0
    examples: list[Pair] = field(factory=list)

    def add(self, pairs: Iterable[Pair]) -> None:
        """Count some more."""
        for pair in pairs:
            self.count += 1
            if len(self.examples) < EXAMPLES:
                self.examples.append(pair)

    def __str__(self) -> str:
        """Say it in a few words: ``2 keys (doc:1 -> art:1, doc:2 -> art:2)``."""
        shown = ", ".join(
            " -> ".join(name.decode("utf-8", "backslashreplace") for name in pair) for pair in self.examples
        )
        return f"{self.count:,} keys ({shown}{', ...' if self.count > len(self.examples) else ''})"
