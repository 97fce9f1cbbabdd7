"""Reads fields of documents, in batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from json import JSONDecoder
from typing import Any, Final, TypeAlias

from redis.exceptions import ResponseError

from fieldfare.definition import Storage
from fieldfare.documents import Batch, Column
from fieldfare.server.conditional_write import is_wrong_type
from fieldfare.server.connection import Server
from fieldfare.server.permissions import require_allowed
from fieldfare.server.pipeline import Command, encode, size_of

__all__ = ["Problems", "read_batches", "read_bounded_batches", "read_documents", "trial_reads"]

Problems: TypeAlias = dict[str, list[bytes]]
"""Reason → keys: ``vanished``, ``wrong type``, ``several matches``."""

Row: TypeAlias = Sequence[bytes | None] | str
"""One document's values, or the reason why it cannot be read."""

_DECODER: Final = JSONDecoder()

BATCH_BYTES: Final = 4 << 20
"""A batch that is read from the server ends with the document with which its values have as many bytes."""

FIRST_DOCUMENTS: Final = 16
"""How many documents are read before anything is known about their size."""


def read_documents(
    server: Server, storage: Storage, keys: Sequence[bytes], paths: Sequence[str]
) -> tuple[Batch, Problems]:
    """Read some fields of some documents.

    Args:
        server: where the documents are.
        storage: how they are stored.
        keys: the documents' keys.
        paths: field names of hashes, or JSON paths. The value of a JSON path is the text of its only match.

    Returns:
        The documents, in the order of their keys, without those that have a problem; and the problems.
        A document without any of the fields stays in the batch.

    Raises:
        redis.exceptions.ConnectionError: the server did not answer.
    """
    [read] = read_batches(server, storage, [keys], paths)
    return read


def read_batches(
    server: Server, storage: Storage, key_batches: Iterable[Sequence[bytes]], paths: Sequence[str]
) -> Iterator[tuple[Batch, Problems]]:
    """Read batch after batch as :func:`read_documents` does.

    The server reads the next batch while the caller processes the current one.
    """
    names = [encode(path) for path in paths]
    sent: deque[Sequence[bytes]] = deque()

    def commands() -> Iterator[list[Command]]:
        for keys in key_batches:
            sent.append(keys)
            yield _commands(storage, keys, names)

    for replies in server.bulk_stream(commands()):
        yield _batch(server, sent.popleft(), _rows(storage, replies, names), paths)


def read_bounded_batches(
    server: Server, storage: Storage, key_batches: Iterable[Sequence[bytes]], paths: Sequence[str]
) -> Iterator[tuple[Batch, Problems]]:
    """Read as :func:`read_batches` does, but split batches whose values have more than :data:`BATCH_BYTES`.

    Memory: twice as many bytes, and one document. No more is asked for at a time than documents like the latest ones
    would have, so that the server need not keep much more either.
    """
    names = [encode(path) for path in paths]
    width = max(len(names), 1) if storage is Storage.JSON else 1
    sent: deque[tuple[Sequence[bytes], bool]] = deque()
    wanted = FIRST_DOCUMENTS

    def commands() -> Iterator[list[Command]]:
        for keys in key_batches:
            start = 0
            while start < len(keys):
                part = keys[start : start + wanted]
                start += len(part)
                sent.append((part, start == len(keys)))
                yield _commands(storage, part, names)

    keys: list[bytes] = []
    rows: list[Row] = []
    done = total = 0
    for replies in server.bulk_parts(commands(), width=width, most_bytes=BATCH_BYTES):
        part, ends_batch = sent[0]
        size, last = sum(map(size_of, replies)), sum(map(size_of, replies[-width:]))
        found = _rows(storage, replies, names)
        replies.clear()  # values are large: nobody else keeps them
        count = len(found)
        wanted = max(BATCH_BYTES * count // max(size, 1), 1)
        keys += part[done : done + count]
        rows += found
        del found
        total += size
        done += count
        if done == len(part):
            sent.popleft()
            done = 0
        if len(rows) > 1 and last >= BATCH_BYTES:  # on its own, so that it is not copied to stand beside others
            yield _batch(server, keys[:-1], rows[:-1], paths)
            del keys[:-1], rows[:-1]
        if total >= BATCH_BYTES or (ends_batch and not done):
            yield _batch(server, keys, rows, paths)
            keys, rows, total = [], [], 0


def trial_reads(storage: Storage, keys: Sequence[bytes]) -> list[Command]:
    """Return the commands that read these documents, which do not exist: to see whether the user may run them."""
    return _commands(storage, keys, [b"$"])


def _commands(storage: Storage, keys: Sequence[bytes], names: Sequence[bytes]) -> list[Command]:
    if not names:
        return [(b"EXISTS", key) for key in keys]
    if storage is Storage.HASH:
        return [(b"HMGET", key, *names) for key in keys]
    return [(b"JSON.GET", key, name) for key in keys for name in names]


def _rows(storage: Storage, replies: Sequence[Any], names: Sequence[bytes]) -> list[Row]:
    if not names:
        return [[] for _ in replies]
    if storage is Storage.HASH:
        return [_problem(reply) if isinstance(reply, ResponseError) else reply for reply in replies]
    width = len(names)
    values = [_json_value(reply, name) for reply, name in zip(replies, cycle(names), strict=False)]
    return [_json_row(values[start : start + width]) for start in range(0, len(values), width)]


def _json_row(values: Sequence[bytes | str | None]) -> Row:
    problem = next((value for value in values if isinstance(value, str)), None)
    return problem or [value for value in values if not isinstance(value, str)]


def _json_value(reply: Any, path: bytes) -> bytes | str | None:
    """Return the text of the only match, or a problem.

    A path that starts with ``$`` is answered with a list of all matches, any other with the first match itself
    (https://redis.io/docs/latest/develop/data-types/json/path/).
    """
    if isinstance(reply, ResponseError):
        return None if "does not exist" in str(reply) else _problem(reply)
    if reply is None or not path.startswith(b"$"):
        value: bytes | None = reply
        return value
    if reply == b"[]":
        return None
    if reply.startswith(b"[[") and reply.endswith(b"]]") and reply.rfind(b"[") == 1 and b'"' not in reply:
        array: bytes = reply[1:-1]  # the only match, such as a vector: to parse its numbers would take long
        return array
    text = reply.decode()
    _, end = _DECODER.raw_decode(text, 1)
    return text[1:end].encode() if end == len(text) - 1 else "several matches"


def _batch(server: Server, keys: Sequence[bytes], rows: Sequence[Row], paths: Sequence[str]) -> tuple[Batch, Problems]:
    problems: Problems = {}
    rows_read: list[tuple[bytes, Sequence[bytes | None]]] = []
    vanished = _vanished(
        server, [key for key, row in zip(keys, rows, strict=True) if not isinstance(row, str) and not any(row)]
    )
    for key, row in zip(keys, rows, strict=True):
        if isinstance(row, str):
            problems.setdefault(row, []).append(key)
        elif key in vanished:
            problems.setdefault("vanished", []).append(key)
        else:
            rows_read.append((key, row))
    columns = {path: Column.of(row[place] for _, row in rows_read) for place, path in enumerate(paths)}
    return Batch(tuple(key for key, _ in rows_read), columns), problems


def _vanished(server: Server, keys: Sequence[bytes]) -> set[bytes]:
    """Return which of these keys do not exist."""
    replies = require_allowed(server, [(b"EXISTS", key) for key in keys])
    return {key for key, reply in zip(keys, replies, strict=True) if reply == 0}


def _problem(error: ResponseError) -> str:
    """Return the reason why one document cannot be read; raise errors that concern more than one document."""
    if is_wrong_type(error):
        return "wrong type"
    raise error
