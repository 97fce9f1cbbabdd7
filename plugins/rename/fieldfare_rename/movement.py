"""Moving one value within a document, and the outcome. Data only."""

from __future__ import annotations

from enum import StrEnum

from attrs import frozen

__all__ = ["Keep", "Movement", "Outcome"]


class Keep(StrEnum):
    """Which value is kept if a document has both names."""

    SOURCE = "source"
    TARGET = "target"


class Outcome(StrEnum):
    """The outcome for one document."""

    MOVED = "moved"
    NEW_NAME_ONLY = "new name only"
    NO_VALUE = "no value"  # under neither name
    NO_DOCUMENT = "no document"  # deleted or expired
    WRONG_TYPE = "wrong type"
    BOTH = "both"  # the values differ, and ``keep`` is None
    NUMBER_CHANGED = "number changed"  # Redis reads another number from the text that it wrote
    NO_PARENT = "no parent"  # the parent of the target is not an object


@frozen
class Movement:
    """A value that moves from one place of a document to another.

    If both places hold the same value, it was copied before: only the source is removed.

    Attributes:
        source: the old place: a hash field's name, or a JSON path.
        target: the new place.
        keep: which value is kept if the values differ; None leaves both.
        containers: parent objects of the target to create where they are missing, the outermost first.
        remove_if_empty: objects to remove afterwards if they are empty, the innermost first.
    """

    source: str
    target: str
    keep: Keep | None = None
    containers: tuple[str, ...] = ()
    remove_if_empty: tuple[str, ...] = ()
