"""Finding a removed and an added field that together look like a rename."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.definition.canonical import canonical_field

if TYPE_CHECKING:
    from fieldfare.definition import Field
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["find_rename_suspect"]


def find_rename_suspect(new: Field, live: LiveIndex) -> Field | None:
    """Return the removed field that ``new`` may be a rename of, or None.

    It has the same type and attributes, and another path. A field with the same path is no suspect: documents
    keep their values where the new field reads them.
    """
    storage = live.definition.storage
    attrs = canonical_field(new, storage).attrs
    removed = (each for each in live.snapshot.definition.fields if live.definition.find(each.name) is None)
    return next(
        (
            each
            for each in removed
            if each.type is new.type and each.path != new.path and canonical_field(each, storage).attrs == attrs
        ),
        None,
    )
