"""Compares two definitions, or parts of them, by meaning, and returns typed changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from fieldfare.changes import (
    Change,
    ChangeFieldPath,
    ChangeFieldType,
    ChangePrefix,
    UpdateField,
    UpdateOption,
    apply_change,
)
from fieldfare.definition import Field, IndexDefinition, Storage, attributes_of
from fieldfare.definition.canonical import canonical, canonical_field, comparable_option, default_of
from fieldfare.patch.model import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["field_changes", "option_changes", "prefix_changes"]

_COMPARED_FIRST: Final = ("algorithm", "dims")
"""Attributes whose changes come first: the algorithm decides which attributes exist, and vectors are truncated before
the remaining values get another datatype."""

_REPORTED_FOR_ANY_COMPRESSION: Final = "GlobalSQ8"
"""The compression that servers without Intel's library report for every compression."""


def field_changes(old: Field, new: Field, old_storage: Storage, new_storage: Storage) -> list[Change]:
    """Return the changes from one field to another of the same name; among attributes, algorithm first, then dims.

    Paths are not compared between hash and JSON storage, because all of them differ.
    """
    if old.type is not new.type:
        return [ChangeFieldType(old.name, old.type.value, new.type.value)]
    changes: list[Change] = []
    if old_storage is new_storage and old.path != new.path:
        changes.append(ChangeFieldPath(old.name, old.path, new.path))
    return changes + _attribute_changes(
        canonical_field(old, old_storage), canonical_field(new, new_storage), new_storage
    )


def _attribute_changes(old: Field, new: Field, storage: Storage) -> list[Change]:
    changes: list[Change] = []
    compressions = {field.attrs.get("compression") for field in (old, new)}
    uncertain = (
        {"compression", "reduce"}
        if _REPORTED_FOR_ANY_COMPRESSION in compressions and None not in compressions
        else set()
    )
    for attribute in sorted(attributes_of(old.type), key=lambda each: each.key not in _COMPARED_FIRST):
        before, after = old.attrs.get(attribute.key), new.attrs.get(attribute.key)
        default = default_of(attribute, storage)
        same = (default if before is None else before) == (default if after is None else after)
        if same or attribute.key in uncertain:
            continue
        change = UpdateField(old.name, attribute.key, before, after)
        changes.append(change)
        old = canonical_field(_apply(old, change, storage), storage)  # a change that this one implies is not listed
    return changes


def _apply(field: Field, change: UpdateField, storage: Storage) -> Field:
    around = IndexDefinition(name="", storage=storage, prefixes=(), fields=(field,))
    return apply_change(around, change).fields[0]


def option_changes(old: IndexDefinition, new: IndexDefinition, *, only: Collection[str] = SETTINGS) -> list[Change]:
    """Return the changes from the options of one definition to those of another.

    Args:
        old: the definition before.
        new: the definition after.
        only: names of the options to compare, as in ``IndexDefinition``.
    """
    before, after = canonical(old), canonical(evolve(new, fields=old.fields))
    return [
        UpdateOption(option, getattr(before, option), getattr(after, option))
        for option in SETTINGS
        if option in only and comparable_option(before, option) != comparable_option(after, option)
    ]


def prefix_changes(old: IndexDefinition, new: IndexDefinition) -> list[Change]:
    """Return the changes from the prefixes of one definition to those of another.

    If one prefix clearly replaces another, its keys move (``ChangePrefix``). Otherwise no key moves, and the index
    covers other keys than before (``UpdateOption``).
    """
    removed = [prefix for prefix in old.prefixes if prefix not in new.prefixes]
    added = [prefix for prefix in new.prefixes if prefix not in old.prefixes]
    replaced = list(zip(removed, added, strict=False))
    if len(old.prefixes) == len(new.prefixes):
        in_place = [pair for pair in zip(old.prefixes, new.prefixes, strict=True) if pair[0] != pair[1]]
        if len(replaced) == 1 or replaced == in_place:
            return [ChangePrefix(before, after) for before, after in replaced]
    return [UpdateOption("prefixes", old.prefixes, new.prefixes)] if removed or added else []
