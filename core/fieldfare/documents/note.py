"""Notes: conditions that affect some documents, for the report. Data only."""

from __future__ import annotations

from typing import Final

from attrs import evolve, frozen

__all__ = ["EXAMPLES", "Note"]

EXAMPLES: Final = 5
"""Maximum number of example keys of a note."""


@frozen
class Note:
    """A condition that a transform or the engine found in some documents.

    Attributes:
        kind: a short name: ``overflow``, ``wrong length``.
        field: the field that it concerns.
        count: the number of documents.
        keys: a few of their keys.
        blocking: whether the run must stop before anything is changed (see ``allow``).
        allow: the name with which the user can allow it (``--allow-overflow`` → ``overflow``).
        detail: what happens to these documents, for the report.
    """

    kind: str
    field: str
    count: int
    keys: tuple[bytes, ...] = ()
    blocking: bool = False
    allow: str | None = None
    detail: str = ""

    def merged(self, other: Note) -> Note:
        """Return both notes as one; they must be of one kind and field."""
        return evolve(self, count=self.count + other.count, keys=(self.keys + other.keys)[:EXAMPLES])
