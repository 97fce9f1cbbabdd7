"""Writing fields of documents that exist, and leaving everything else about them as it is."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha1
from itertools import product
from typing import Any, Final, TypeAlias

from attrs import frozen
from redis.exceptions import NoScriptError, ResponseError

from fieldfare.definition import Storage
from fieldfare.documents import Batch
from fieldfare.server.connection import Server
from fieldfare.server.spelling import faithful
from fieldfare.wire import Command, encode

__all__ = ["WriteResult", "is_wrong_type", "write_batches", "write_documents"]

HASH_SCRIPT: Final = b"""\
local written = 0
for i = 2, #ARGV, 2 do
  if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then
    local expires = -1
    if ARGV[1] == '1' then
      expires = redis.call('HPEXPIRETIME', KEYS[1], 'FIELDS', 1, ARGV[i])[1]
    end
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
    if expires > 0 then
      redis.call('HPEXPIREAT', KEYS[1], expires, 'FIELDS', 1, ARGV[i])
    end
    written = written + 1
  end
end
return written
"""
"""Writes those of the fields that the hash still has. HSET clears a field's expiry, so it is set again."""

JSON_SCRIPT: Final = b"""\
local written = 0
for i = 1, #ARGV, 2 do
  if redis.call('JSON.SET', KEYS[1], ARGV[i], ARGV[i + 1], 'XX') then
    written = written + 1
  end
end
return written
"""

Row: TypeAlias = tuple[bytes, list[bytes]]
"""A document's key, and what to write: field, value, field, value, ..."""


@frozen
class WriteResult:
    """What became of a batch.

    Attributes:
        written: how many documents were written.
        vanished: keys of documents that are gone, or have none of the fields any more.
        wrong_type: keys that hold something else now.
    """

    written: int
    vanished: list[bytes]
    wrong_type: list[bytes]


def write_documents(server: Server, storage: Storage, batch: Batch, paths: Sequence[str]) -> WriteResult:
    """Overwrite fields of documents, each document as a whole or not at all.

    No key and no field comes into being, and no expiry is changed. A field that is None is left alone.

    Args:
        server: where the documents are.
        storage: how they are stored.
        batch: keys and values.
        paths: which of its columns to write.

    Raises:
        redis.exceptions.ResponseError: the first error that is not about a document's type (out of memory,
            read-only replica, ...); documents of the batch may have been written all the same.
        redis.exceptions.ConnectionError: there was no answer; so too here.
    """
    [result] = write_batches(server, storage, [batch], paths)
    return result


def write_batches(
    server: Server, storage: Storage, batches: Iterable[Batch], paths: Sequence[str]
) -> Iterator[WriteResult]:
    """Do as :func:`write_documents` does for batch after batch.

    The server writes one batch while the caller makes the next: when a result is given, the batch after it
    may be written already.
    """
    write = _way_of_writing(server, storage, paths)
    sent: deque[tuple[list[Row], list[Command]]] = deque()

    def commands() -> Iterator[list[Command]]:
        for batch in batches:
            rows = _rows(batch if storage is Storage.HASH else _spelled(batch, paths), paths)
            sent.append((rows, write(rows)))
            yield sent[-1][1]

    for replies in server.bulk_stream(commands()):
        rows, asked = sent.popleft()
        yield _result(rows, _settled(server, rows, asked, replies))


def is_wrong_type(reply: object) -> bool:
    """Whether this reply says that a key holds something else than a document of the expected storage."""
    return isinstance(reply, ResponseError) and any(words in str(reply) for words in ("WRONGTYPE", "wrong Redis type"))


def _spelled(batch: Batch, paths: Sequence[str]) -> Batch:
    """Return JSON values as Redis reads them right."""
    for path in paths:
        batch = batch.replace(path, [None if value is None else faithful(value) for value in batch[path]])
    return batch


def _rows(batch: Batch, paths: Sequence[str]) -> list[Row]:
    """Return each document that has something to be written."""
    names = [encode(path) for path in paths]
    if len(names) == 1:
        values = zip(batch.keys, batch[paths[0]], strict=True)
        return [(key, [names[0], value]) for key, value in values if value is not None]
    rows = []
    for key, document in zip(batch.keys, zip(*(batch[path] for path in paths), strict=True), strict=True):
        pairs = [part for pair in zip(names, document, strict=True) if pair[1] is not None for part in pair]
        if pairs:
            rows.append((key, pairs))
    return rows


def _way_of_writing(server: Server, storage: Storage, paths: Sequence[str]) -> Callable[[list[Row]], list[Command]]:
    """Return what makes the commands that write documents, one each."""
    if storage is Storage.JSON:
        if len(paths) == 1:
            return lambda rows: [(b"JSON.SET", key, *pairs, b"XX") for key, pairs in rows]
        return lambda rows: [_script(JSON_SCRIPT, key, pairs) for key, pairs in rows]
    if server.capabilities.has_hsetex:
        return lambda rows: [
            (b"HSETEX", key, b"FXX", b"KEEPTTL", b"FIELDS", len(pairs) // 2, *pairs) for key, pairs in rows
        ]
    return lambda rows: [_hash_script(server, key, pairs) for key, pairs in rows]


def _settled(server: Server, rows: list[Row], commands: list[Command], replies: list[Any]) -> list[Any]:
    """Return the replies after another try where the first one could not say the last word."""
    again: dict[int, Command] = {}
    for row, reply in enumerate(replies):
        if isinstance(reply, NoScriptError):
            again[row] = commands[row]
        elif reply == 0 and commands[row][0] == b"HSETEX" and len(rows[row][1]) > 2:  # noqa: PLR2004 - one field
            # FXX writes nothing if one of several fields is gone; the script writes the others
            again[row] = _hash_script(server, *rows[row])
    if again:
        for node, script in product(server.nodes(), (HASH_SCRIPT, JSON_SCRIPT)):
            server.command_at(node, b"SCRIPT", b"LOAD", script)
        for row, reply in zip(again, server.bulk(list(again.values())), strict=True):
            replies[row] = reply
    return replies


def _result(rows: list[Row], replies: list[Any]) -> WriteResult:
    written = 0
    vanished: list[bytes] = []
    wrong_type: list[bytes] = []
    for (key, _), reply in zip(rows, replies, strict=True):
        if is_wrong_type(reply):
            wrong_type.append(key)
        elif isinstance(reply, ResponseError):
            raise reply
        elif reply:
            written += 1
        else:
            vanished.append(key)
    return WriteResult(written, vanished, wrong_type)


def _hash_script(server: Server, key: bytes, pairs: list[bytes]) -> Command:
    return _script(HASH_SCRIPT, key, [b"1" if server.capabilities.has_hash_field_ttl else b"0", *pairs])


def _script(script: bytes, key: bytes, arguments: list[bytes]) -> Command:
    """Run a script with one key, so that a cluster knows where it goes."""
    return (b"EVALSHA", sha1(script, usedforsecurity=False).hexdigest(), 1, key, *arguments)
