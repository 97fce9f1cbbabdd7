"""A field that is removed and one that is added, which together look like a rename."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fieldfare.definition.canonical import canonical_field

if TYPE_CHECKING:
    from collections.abc import Hashable

    from fieldfare.definition import Field, Storage
    from fieldfare.live import LiveIndex

__all__ = ["find_lookalike"]


def find_lookalike(new: Field, live: LiveIndex) -> Field | None:
    """Return the field that this plan removes and that ``new`` seems to be under another name, or None.

    Such a field has the same type and attributes, and another path. One that reads the same path is
    no rename: documents stay as they are.
    """
    storage = live.definition.storage
    before, now = live.snapshot.definition.fields, live.definition.fields
    names_before, names_now = {each.name for each in before}, {each.name for each in now}
    # A field that was renamed earlier in this plan is gone too, but stands under its new name.
    arrived = Counter(_kind(each, storage) for each in now if each.name not in names_before)
    kind = _kind(new, storage)
    gone = [each for each in before if each.name not in names_now and _kind(each, storage) == kind]
    return next((each for each in gone[arrived[kind] :] if each.path != new.path), None)


def _kind(field: Field, storage: Storage) -> Hashable:
    return field.type, frozenset(canonical_field(field, storage).attrs.items())
