"""Writing fields of documents that exist, and leaving everything else about them as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha1
from typing import Any, Final, TypeAlias

from attrs import frozen
from redis.exceptions import NoScriptError, ResponseError

from fieldfare.definition import Storage
from fieldfare.documents import Batch
from fieldfare.server.connection import Server
from fieldfare.wire import Command, encode

__all__ = ["WriteResult", "is_wrong_type", "write_documents"]

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

Values: TypeAlias = list[bytes]
"""Field, value, field, value, ..."""


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
    rows = list(_rows(batch, paths))
    replies = _write_hashes(server, rows) if storage is Storage.HASH else _write_json(server, rows)
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


def is_wrong_type(reply: object) -> bool:
    """Whether this reply says that a key holds something else than a document of the expected storage."""
    return isinstance(reply, ResponseError) and any(words in str(reply) for words in ("WRONGTYPE", "wrong Redis type"))


def _rows(batch: Batch, paths: Sequence[str]) -> Iterator[tuple[bytes, Values]]:
    """Yield each document that has something to be written."""
    names = [encode(path) for path in paths]
    for key, values in zip(batch.keys, zip(*(batch[path] for path in paths), strict=True), strict=True):
        pairs = [part for name, value in zip(names, values, strict=True) if value is not None for part in (name, value)]
        if pairs:
            yield key, pairs


def _write_hashes(server: Server, rows: Sequence[tuple[bytes, Values]]) -> list[Any]:
    if not server.capabilities.has_hsetex:
        return _run_hash_script(server, rows)
    replies = server.bulk(
        [(b"HSETEX", key, b"FXX", b"KEEPTTL", b"FIELDS", len(values) // 2, *values) for key, values in rows]
    )
    # FXX writes nothing if one of several fields is gone; the script writes the others
    refused = [row for row, reply in enumerate(replies) if reply == 0 and len(rows[row][1]) > 2]  # noqa: PLR2004 - one field
    for row, reply in zip(refused, _run_hash_script(server, [rows[row] for row in refused]), strict=True):
        replies[row] = reply
    return replies


def _write_json(server: Server, rows: Sequence[tuple[bytes, Values]]) -> list[Any]:
    if all(len(values) == 2 for _, values in rows):  # noqa: PLR2004 - one path and its value
        return server.bulk([(b"JSON.SET", key, *values, b"XX") for key, values in rows])
    return _run_script(server, JSON_SCRIPT, rows)


def _run_hash_script(server: Server, rows: Sequence[tuple[bytes, Values]]) -> list[Any]:
    expiring = b"1" if server.capabilities.has_hash_field_ttl else b"0"
    return _run_script(server, HASH_SCRIPT, [(key, [expiring, *values]) for key, values in rows])


def _run_script(server: Server, script: bytes, rows: Sequence[tuple[bytes, Values]]) -> list[Any]:
    """Run a script once per document, with its key as the only key; load it where a node does not know it."""
    if not rows:
        return []
    digest = sha1(script, usedforsecurity=False).hexdigest()
    commands: list[Command] = [(b"EVALSHA", digest, 1, key, *values) for key, values in rows]
    replies = server.bulk(commands)
    unknown = [row for row, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
    if unknown:
        for node in server.nodes():
            server.command_at(node, b"SCRIPT", b"LOAD", script)
        for row, reply in zip(unknown, server.bulk([commands[row] for row in unknown]), strict=True):
            replies[row] = reply
    return replies
