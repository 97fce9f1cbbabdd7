"""What is to be done to a value in a document, and what came of it. Data only."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

__all__ = ["Keep", "Movement", "Outcome"]


class Keep(StrEnum):
    """Which value stays where a document has both."""

    SOURCE = "source"
    TARGET = "target"


class Outcome(StrEnum):
    """What came of it."""

    MOVED = "moved"
    DONE = "done"  # only the target is there
    MISSING = "missing"  # neither is there
    VANISHED = "vanished"
    WRONG_TYPE = "wrong type"
    BOTH = "both"  # they differ, and nothing says which one stays
    MISREAD = "misread"  # Redis makes other numbers of the text that it gave
    NO_ROOM = "no room"  # something that is no object is where a container must be


@frozen
class Movement:
    """A value on its way.

    A value that is in both places already has been copied and not yet taken away: it is taken away.

    Attributes:
        source: where it is: a hash field's name, or a JSON path.
        target: where it goes.
        keep: what stays if other values are in both places; None leaves both.
        containers: objects to create around the target where they are missing, from the outermost in.
        leftovers: objects to take away afterwards if nothing is in them, from the innermost out.
    """

    source: str
    target: str
    keep: Keep | None = None
    containers: tuple[str, ...] = ()
    leftovers: tuple[str, ...] = ()
