"""Why the value of a field keeps its document out of an index.

What the server takes was tried on search 2.10: of a hash, a number that strtod reads without spaces; of JSON, a value
of the type of the field, or null, or a list of such values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from fieldfare.definition import Field, FieldType, Storage
from fieldfare.server.knn import WIDTHS

__all__ = ["value_problem"]

NUMBER: Final = re.compile(
    rb"[+-]?(inf(inity)?|0x[0-9a-f]+(\.[0-9a-f]*)?(p[+-]?\d+)?|(\d+\.?\d*|\.\d+)(e[+-]?\d+)?)", re.IGNORECASE
)
PLACE: Final = re.compile(
    rb"(?P<longitude>[+-]?[\d.]+(e[+-]?\d+)?)[, ](?P<latitude>[+-]?[\d.]+(e[+-]?\d+)?)", re.IGNORECASE
)
FURTHEST: Final = (180.0, 85.05112878)
"""Degrees of longitude and latitude that Redis takes."""


def value_problem(field: Field, storage: Storage, value: bytes) -> str | None:
    """Return why a value does not fit its field; None if it does, or if only the server can tell.

    Args:
        field: the field of the index.
        storage: the storage of its documents.
        value: bytes of a hash, or the text of a JSON value.
    """
    if storage is Storage.HASH:
        return _hash_problem(field, value)
    try:
        return _json_problem(field, json.loads(value))
    except ValueError:
        return "is no JSON"


def _hash_problem(field: Field, value: bytes) -> str | None:
    match field.type:
        case FieldType.NUMERIC if not NUMBER.fullmatch(value):
            return "is not a number"
        case FieldType.GEO if not _is_place(value):
            return "is not a pair of longitude and latitude"
        case FieldType.VECTOR if len(value) != (length := _length(field)):
            return f"is not a vector of {length:,} bytes"
    return None


def _json_problem(field: Field, value: Any) -> str | None:
    if value is None:
        return None
    if field.type is FieldType.VECTOR:
        dims = int(field.attrs["dims"])
        vectors = value if _is_list(value) and value and all(map(_is_list, value)) else [value]
        fits = all(_is_list(each) and len(each) == dims and all(map(_is_number, each)) for each in vectors)
        return None if fits else f"is not a list of {dims:,} numbers"
    items = [each for each in value if each is not None] if _is_list(value) else [value]
    takes, reason = OF_JSON.get(field.type, (None, ""))
    return None if takes is None or all(takes(each) for each in items) else reason


def _length(field: Field) -> int:
    return WIDTHS[str(field.attrs["datatype"]).lower()] * int(field.attrs["dims"])


def _is_place(value: bytes) -> bool:
    found = PLACE.fullmatch(value)
    if found is None:
        return False
    try:
        degrees = (float(found["longitude"]), float(found["latitude"]))
    except ValueError:
        return False
    return all(abs(each) <= limit for each, limit in zip(degrees, FURTHEST, strict=True))


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_tag(value: Any) -> bool:
    return isinstance(value, (str, bool))


def _is_written_place(value: Any) -> bool:
    return isinstance(value, str) and _is_place(value.encode("utf-8", "replace"))


OF_JSON: Final[Mapping[FieldType, tuple[Callable[[Any], bool], str]]] = {
    FieldType.NUMERIC: (_is_number, "is not a number"),
    FieldType.TAG: (_is_tag, "is not text, true or false"),
    FieldType.TEXT: (_is_text, "is not text"),
    FieldType.GEO: (_is_written_place, "is not a pair of longitude and latitude"),
}
"""Type of a field → which JSON values it takes, and the reason for all others."""
