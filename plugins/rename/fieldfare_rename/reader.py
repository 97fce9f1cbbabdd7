"""Fields and options of an index that read a place in the documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fieldfare.changes.renaming import OPTIONS
from fieldfare.definition import Storage
from fieldfare.definition.jsonpath import split_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.definition import IndexDefinition

__all__ = ["filter_reads", "overlaps", "readers"]


def readers(definition: IndexDefinition, place: str, *, besides: str | None = None) -> Iterator[str]:
    """Name the fields and options of an index that read a place, or something in or around it.

    Args:
        definition: of the index.
        place: a hash field's name, or a JSON path.
        besides: a field to ignore, together with the options that follow it.
    """
    storage = definition.storage
    own = definition.find(besides) if besides is not None else None
    for field in definition.fields:
        if field is not own and overlaps(field.path, place, storage):
            yield f"field {field.name!r}"
    for option in OPTIONS:
        value = getattr(definition, option)
        follows = own is not None and value is not None and overlaps(value, own.path, storage)
        if value is not None and not follows and overlaps(value, place, storage):
            yield f"{option.upper()} {value}"
    if own is None and storage is Storage.HASH and filter_reads(definition.filter, place):
        yield f"FILTER {definition.filter}"


def overlaps(first: str, second: str, storage: Storage) -> bool:
    """Whether two paths lead to the same place, or one contains the other."""
    if storage is Storage.HASH:
        return first == second
    one, other = split_path(first)[0], split_path(second)[0]
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def filter_reads(expression: str | None, name: str) -> bool:
    """Whether a FILTER expression reads a field."""
    return expression is not None and bool(re.search(rf"@{re.escape(name)}(?!\w)", expression.replace("\\", "")))
