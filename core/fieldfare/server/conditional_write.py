"""New values for documents, and the values that the documents must have to get them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha1
from typing import Any, Final, TypeAlias

from attrs import frozen
from redis.exceptions import ResponseError

from fieldfare.definition import Storage
from fieldfare.documents import Batch, Column
from fieldfare.server.json_numbers import round_trip_safe
from fieldfare.server.pipeline import encode

__all__ = [
    "ABSENT",
    "ABSENT_OR_NEW",
    "ANY_VALUE",
    "CHANGED",
    "OUTCOMES",
    "SKIP_FIELD",
    "VANISHED",
    "WRONG_TYPE",
    "ConditionalWrite",
    "Row",
    "digest",
    "expected_reply",
    "field_value",
    "is_wrong_type",
    "rows_to_write",
]

VANISHED: Final = "vanished"
WRONG_TYPE: Final = "wrong type"
CHANGED: Final = "changed"
OUTCOMES: Final = (VANISHED, WRONG_TYPE, CHANGED)
"""Reasons why a document was not written, or not in all of its fields."""

ANY_VALUE: Final = b""
"""In place of a digest: overwrite any value."""

SKIP_FIELD: Final = b"-"
"""In place of a digest: the field is neither read nor written."""

ABSENT_OR_NEW: Final = b"!"
"""In place of a digest: the document must not have the field, or must have the new value."""

ABSENT: Final = b"?"
"""In place of a digest: the document must not have the field, and there is no new value."""

Row: TypeAlias = tuple[bytes, list[bytes]]
"""A document's key, and for each path the digest of the expected value and the new value."""


@frozen(hash=False)
class ConditionalWrite:
    """A batch to write.

    Attributes:
        after: the new values; None for a field that is not written.
        before: the expected values: the same keys and fields, None for a field that the document must not have.
            Without it, any value is overwritten.
    """

    after: Batch
    before: Batch | None = None


def rows_to_write(write: ConditionalWrite, storage: Storage, paths: Sequence[str]) -> list[Row]:
    """Return a row for each document that has at least one field to compare or to write."""
    columns: list[Iterator[bytes]] = []
    for path in paths:
        columns += [_expected(write, storage, path), _values(storage, write.after[path])]
    rows = zip(write.after.keys, zip(*columns, strict=True), strict=True)
    return [(key, list(parts)) for key, parts in rows if any(each != SKIP_FIELD for each in parts[::2])]


def _values(storage: Storage, column: Column) -> Iterator[bytes]:
    """Yield new values; JSON numbers are spelled so that Redis reads them exactly."""
    for value in column:
        yield b"" if value is None else round_trip_safe(value) if storage is Storage.JSON else value


def _expected(write: ConditionalWrite, storage: Storage, path: str) -> Iterator[bytes]:
    """Yield the digest of each document's expected value, or what replaces it."""
    after, name = write.after[path], encode(path)
    if write.before is None:
        yield from (SKIP_FIELD if value is None else ANY_VALUE for value in after)
        return
    for old, new in zip(write.before[path], after, strict=True):
        if old is None:
            yield ABSENT if new is None else ABSENT_OR_NEW
        else:
            yield digest(expected_reply(storage, name, old))


def digest(value: bytes) -> bytes:
    """Return the SHA-1 of a value as ``redis.sha1hex`` computes it; to compare values, not for security."""
    return sha1(value, usedforsecurity=False).hexdigest().encode()


def expected_reply(storage: Storage, path: bytes, value: bytes) -> bytes:
    """Return the reply to reading a value: for a JSON path that starts with ``$``, a list of matches."""
    return b"[%b]" % value if storage is Storage.JSON and path.startswith(b"$") else value


def is_wrong_type(reply: object) -> bool:
    """Whether this reply says that a key holds another type than documents of this storage have."""
    return isinstance(reply, ResponseError) and any(words in str(reply) for words in ("WRONGTYPE", "wrong Redis type"))


def field_value(reply: Any) -> bytes | None:
    """Return the value of a field from HGET or JSON.GET; None if it is absent.

    Raises:
        redis.exceptions.ResponseError: the server refused.
    """
    if isinstance(reply, ResponseError) and "does not exist" not in str(reply):
        raise reply
    return reply if isinstance(reply, bytes) and reply != b"[]" else None
