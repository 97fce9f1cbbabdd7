"""Counts documents, and keeps the keys of a few as examples."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field

from fieldfare.documents.note import EXAMPLES

__all__ = ["KeyCounter"]


@define
class KeyCounter:
    """A number of documents, and the keys of the first few.

    Attributes:
        count: the number of documents.
        keys: up to ``EXAMPLES`` of their keys.
    """

    count: int = 0
    keys: list[bytes] = field(factory=list)

    def add(self, keys: Iterable[bytes]) -> None:
        """Count documents."""
        for key in keys:
            self.count += 1
            if len(self.keys) < EXAMPLES:
                self.keys.append(key)

    def __str__(self) -> str:
        """Return the count with examples: ``2 documents, such as doc:1, doc:2``."""
        if not self.count:
            return "none"
        shown = ", ".join(key.decode("utf-8", "backslashreplace") for key in self.keys)
        return f"{self.count:,} {'document' if self.count == 1 else 'documents'}, such as {shown}"
