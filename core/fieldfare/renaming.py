"""What a field's new name means for the rest of a definition."""

from __future__ import annotations

from typing import Any, Final

from attrs import evolve

from fieldfare.definition import Field, IndexDefinition, Storage
from fieldfare.definition.jsonpath import Segments, join_path, split_path

__all__ = ["EACH", "OPTIONS", "is_same_place", "rename_field", "renamed_path"]

OPTIONS: Final = ("language_field", "score_field", "payload_field")
"""Options of an index that name a place in the documents."""

EACH: Final = "[*]"
"""The end of a path to every element of an array."""


def rename_field(definition: IndexDefinition, old: str, new: str) -> IndexDefinition:
    """Return the definition in which a field is called something else.

    Where the value moves, LANGUAGE_FIELD, SCORE_FIELD and PAYLOAD_FIELD follow it. FILTER does not.
    """
    before = definition.find(old)
    if before is None:
        return definition
    path = renamed_path(before, new, definition.storage)
    options: dict[str, Any] = {
        option: path
        for option in OPTIONS
        if path != before.path and is_same_place(getattr(definition, option), before.path, definition.storage)
    }
    return evolve(definition.with_field(old, evolve(before, name=new, path=path)), **options)


def renamed_path(field: Field, new: str, storage: Storage) -> str:
    """Return where a field's value is in the documents once the field has a new name.

    The value moves if the document calls it what the index calls it: if it is the hash field of that name, or
    if the JSON path ends with that name (``$.title``, ``$.meta.title``, ``$.title[*]``). Any other name is an
    alias, and the value stays. Dots in the new name lead into objects; a new name that is a path itself
    (``$.meta.title``) is where the value goes.
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
    """Whether two paths, spelled as they may be, lead to the same place in a document."""
    if first is None or storage is Storage.HASH:
        return first == second
    return split_path(first) == split_path(second)


def _parent(field: Field) -> Segments | None:
    """Return what holds the value that is called as the field is; None if the name is an alias."""
    segments, rest = split_path(field.path)
    if rest not in {"", EACH}:
        return None
    if segments[-1:] == (field.name,):
        return segments[:-1]
    return () if segments == tuple(field.name.split(".")) else None
