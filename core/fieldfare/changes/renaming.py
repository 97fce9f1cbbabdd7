"""Renames a field in a definition, and in the paths and options that depend on its name."""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve

from fieldfare.definition import Field, IndexDefinition, Storage
from fieldfare.definition.jsonpath import Segments, join_path, split_path

__all__ = ["EACH", "OPTIONS", "is_same_place", "overlaps", "rename_field", "renamed_path"]

OPTIONS: Final = ("language_field", "score_field", "payload_field")
"""Options of an index that hold a path in the documents."""

EACH: Final = "[*]"
"""The end of a path to every element of an array."""


def rename_field(definition: IndexDefinition, old: str, new: str, *, logical: bool = False) -> IndexDefinition:
    """Return the definition with a field renamed.

    If the value moves, LANGUAGE_FIELD, SCORE_FIELD and PAYLOAD_FIELD get its new path. FILTER is not changed.

    Args:
        definition: the index.
        old: the field's name in queries.
        new: its name afterwards.
        logical: the value never moves.
    """
    before = definition.find(old)
    if before is None:
        return definition
    path = before.path if logical else renamed_path(before, new, definition.storage)
    options: dict[str, Any] = {
        option: path
        for option in OPTIONS
        if path != before.path and is_same_place(getattr(definition, option), before.path, definition.storage)
    }
    return evolve(definition.with_field(old, evolve(before, name=new, path=path)), **options)


def renamed_path(field: Field, new: str, storage: Storage) -> str:
    """Return the path of a field's value in the documents after a rename of the field.

    The value moves if its name in the document is the field's name: the hash field of that name, or a JSON path that
    ends with that name (``$.title``, ``$.meta.title``, ``$.title[*]``). Otherwise the field's name is an alias, and the
    value does not move. Dots in the new name stand for nested objects. A new name that is a path
    (``$.meta.title``) is the new path of the value.
    """
    if storage is Storage.HASH:
        return new if field.path == field.name else field.path
    if field.path == field.name:
        return new if new.startswith("$") or not field.path.startswith("$") else field.path
    parent = _parent(field)
    if parent is None:
        return field.path
    if new.startswith("$"):
        return new
    segments, rest = split_path(field.path)
    nested = "." not in str(segments[-1]) and all(new.split("."))
    return join_path((*parent, *(new.split(".") if nested else (new,)))) + rest


def is_same_place(first: str | None, second: str, storage: Storage) -> bool:
    """Whether two paths lead to the same place in a document, even if they are spelled differently."""
    if first is None or storage is Storage.HASH:
        return first == second
    return split_path(first) == split_path(second)


def overlaps(first: str, second: str, storage: Storage) -> bool:
    """Whether two paths lead to the same place in a document, or one to a part of what the other leads to."""
    if storage is Storage.HASH:
        return first == second
    one, other = split_path(first)[0], split_path(second)[0]
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _parent(field: Field) -> Segments | None:
    """Return the path of the object that holds the field's value; None if the field's name is an alias."""
    segments, rest = split_path(field.path)
    if rest not in {"", EACH}:
        return None
    if segments[-1:] == (field.name,):
        return segments[:-1]
    return () if segments == tuple(field.name.split(".")) else None
