"""What is to be written to documents, and what they must still have for that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha1
from typing import Final, TypeAlias

from attrs import frozen
from redis.exceptions import ResponseError

from fieldfare.definition import Storage
from fieldfare.documents import Batch, Column
from fieldfare.server.spelling import faithful
from fieldfare.wire import encode

__all__ = [
    "ANYTHING",
    "CHANGED",
    "KEEP",
    "MISSING",
    "NOTHING",
    "OUTCOMES",
    "VANISHED",
    "WRONG_TYPE",
    "Replacement",
    "Row",
    "digest",
    "is_wrong_type",
    "rows_of",
    "spelled",
]

VANISHED: Final = "vanished"
WRONG_TYPE: Final = "wrong type"
CHANGED: Final = "changed"
OUTCOMES: Final = (VANISHED, WRONG_TYPE, CHANGED)
"""What may have come of a document that was not written as it should be."""

ANYTHING: Final = b""
"""In place of a digest: overwrite whatever is there."""

KEEP: Final = b"-"
"""In place of a digest: the field is not looked at."""

MISSING: Final = b"!"
"""In place of a digest: the document must not have the field; a value is given all the same."""

NOTHING: Final = b"?"
"""In place of a digest: the document must not have the field, and no value is given."""

Row: TypeAlias = tuple[bytes, list[bytes]]
"""A document's key, and for each path a digest of the value that it must have, and the new value."""


@frozen(hash=False)
class Replacement:
    """A batch to be written.

    Attributes:
        after: the values; None is nothing to write.
        before: what documents must still have: the same keys and fields, None for a field that they must not have.
            Left out, whatever they have is overwritten.
    """

    after: Batch
    before: Batch | None = None


def rows_of(replacement: Replacement, storage: Storage, paths: Sequence[str]) -> list[Row]:
    """Return each document that has something to be looked at."""
    columns: list[Iterator[bytes]] = []
    for path in paths:
        columns += [_expected(replacement, storage, path), _values(storage, replacement.after[path])]
    rows = zip(replacement.after.keys, zip(*columns, strict=True), strict=True)
    return [(key, list(parts)) for key, parts in rows if any(each != KEEP for each in parts[::2])]


def _values(storage: Storage, column: Column) -> Iterator[bytes]:
    """Yield new values, JSON so that Redis reads it right."""
    for value in column:
        yield b"" if value is None else faithful(value) if storage is Storage.JSON else value


def _expected(replacement: Replacement, storage: Storage, path: str) -> Iterator[bytes]:
    """Yield, for each document, what stands in front of its new value."""
    after, name = replacement.after[path], encode(path)
    if replacement.before is None:
        yield from (KEEP if value is None else ANYTHING for value in after)
        return
    for old, new in zip(replacement.before[path], after, strict=True):
        if old is None:
            yield NOTHING if new is None else MISSING
        else:
            yield digest(spelled(storage, name, old))


def digest(value: bytes) -> bytes:
    """Return what ``redis.sha1hex`` makes of a value. It tells values apart; it keeps no secret."""
    return sha1(value, usedforsecurity=False).hexdigest().encode()


def spelled(storage: Storage, path: bytes, value: bytes) -> bytes:
    """Return a value as the server answers with it: a JSON path that starts with ``$`` gives a list of matches."""
    return b"[%b]" % value if storage is Storage.JSON and path.startswith(b"$") else value


def is_wrong_type(reply: object) -> bool:
    """Whether this reply says that a key holds something else than a document of the expected storage."""
    return isinstance(reply, ResponseError) and any(words in str(reply) for words in ("WRONGTYPE", "wrong Redis type"))
