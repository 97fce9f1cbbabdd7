"""A field that is removed and one that is added, which together look like a rename."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.definition.canonical import canonical_field

if TYPE_CHECKING:
    from fieldfare.definition import Field
    from fieldfare.live import LiveIndex

__all__ = ["find_lookalike"]


def find_lookalike(new: Field, live: LiveIndex) -> Field | None:
    """Return the field that this plan removes and that ``new`` seems to be under another name, or None.

    Such a field has the same type and attributes, and another path. One that reads the same path is
    no rename: documents stay as they are.
    """
    storage = live.definition.storage
    wanted = canonical_field(new, storage).attrs
    gone = (each for each in live.snapshot.definition.fields if live.definition.find(each.name) is None)
    return next(
        (
            each
            for each in gone
            if each.type is new.type and each.path != new.path and canonical_field(each, storage).attrs == wanted
        ),
        None,
    )
