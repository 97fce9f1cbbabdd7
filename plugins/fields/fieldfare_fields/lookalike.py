"""A field that is removed and one that is added, which together look like a rename."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fieldfare.definition import Field, FieldType, find_attribute

if TYPE_CHECKING:
    from collections.abc import Hashable

    from fieldfare.live import LiveIndex

__all__ = ["find_lookalike"]


def find_lookalike(new: Field, live: LiveIndex) -> Field | None:
    """Return the field that this plan removes and that ``new`` seems to be under another name, or None.

    Such a field has the same type and attributes, and another path. One that reads the same path is
    no rename: documents stay as they are.
    """
    before, now = live.snapshot.definition.fields, live.definition.fields
    names_before, names_now = {each.name for each in before}, {each.name for each in now}
    gone = [each for each in before if each.name not in names_now]
    # A field that was renamed earlier in this plan is gone too, but stands under its new name.
    arrived = Counter(_kind(each) for each in now if each.name not in names_before)
    candidates = [each for each in gone if _kind(each) == _kind(new)]
    left = candidates[arrived[_kind(new)] :]
    return next((each for each in left if each.path != new.path), None)


def _kind(field: Field) -> Hashable:
    attrs = {key: value for key, value in field.attrs.items() if not _is_default(field.type, key, value)}
    if field.type is FieldType.NUMERIC:
        attrs.pop("unf", None)  # Redis adds it to every sortable number
    return field.type, frozenset(attrs.items())


def _is_default(kind: FieldType, key: str, value: object) -> bool:
    attribute = find_attribute(kind, key)
    return attribute is not None and attribute.default == value
