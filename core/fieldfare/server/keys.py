"""Lists the keys of an index's documents, in batches."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any, Final

import msgpack
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from fieldfare.definition import IndexDefinition, IndexStats, Storage
from fieldfare.definition.reply import mapping
from fieldfare.server.connection import Server
from fieldfare.server.inspect import read_stats
from fieldfare.server.pipeline import encode

__all__ = ["count_keys", "iterate_keys", "iterate_scan", "scan_keys"]

IDLE_MILLISECONDS: Final = 300_000
"""Idle timeout of a cursor: the most that search allows by default (CURSOR_MAX_IDLE)."""

COUNT_BATCH: Final = 5000
"""COUNT of SCAN where keys are only counted."""

_TYPES: Final = {Storage.HASH: b"hash", Storage.JSON: b"ReJSON-RL"}
_GLOB: Final = re.compile(rb"[*?\[\]\\^-]")


class _CursorBroken(Exception):
    """The cursor did not return all documents."""


def iterate_keys(
    server: Server, definition: IndexDefinition, stats: IndexStats, batch_size: int
) -> Generator[list[bytes], None, None]:
    """Yield the keys of all documents of an index; all batches but the last have ``batch_size`` keys.

    The keys come from the index (FT.AGGREGATE WITHCURSOR). If the index does not hold all of its documents, because
    some could not be indexed or are not indexed yet, the keyspace is scanned for the index's prefixes instead. If the
    cursor ends early, the rest of the keys comes from a scan. An index with a FILTER is never replaced by a scan,
    because only the index knows which documents the FILTER accepts. A key that is written or deleted during the
    iteration may be missing or not. A scan can yield a key twice if the server shrinks its hash table during the scan
    (https://redis.io/docs/latest/commands/scan/).

    Memory does not grow with the number of keys, unless a cursor ends early.

    Raises:
        redis.exceptions.RedisError: the server does not answer, or refuses a command.
    """
    incomplete = bool(stats.hash_indexing_failures) or stats.indexing
    if incomplete and definition.filter is None:
        yield from iterate_scan(server, definition, batch_size)
        return
    with TemporaryFile(prefix="fieldfare-keys-") as yielded:
        try:
            for keys in _iterate_cursor(server, definition, stats, batch_size):
                yielded.write(msgpack.packb(keys))
                yield keys
        except _CursorBroken:
            seen = _read_keys(yielded)
        else:
            return
    rest = _iterate_rest(server, definition, batch_size)
    yield from _regroup((key for keys in rest for key in keys if key not in seen), batch_size)


def iterate_scan(server: Server, definition: IndexDefinition, batch_size: int) -> Iterator[list[bytes]]:
    """Yield the keys of an index's storage type under its prefixes, in batches of ``batch_size``.

    In a cluster, scans every node that has the index.
    """
    prefixes = _disjoint(definition.prefixes)
    kind = _TYPES[definition.storage]
    found = (
        key
        for node in _nodes_with_index(server, definition.name)
        for prefix in prefixes
        for key in _scan(server, node, prefix, kind, batch_size)
    )
    return _regroup(found, batch_size)


def count_keys(server: Server, storage: Storage, prefix: str) -> int:
    """Count the keys of a storage type under a prefix, on all nodes, by a scan of the whole keyspace.

    A scan can count a key twice if the server shrinks its hash table during the scan.
    """
    return sum(1 for _ in scan_keys(server, storage, prefix))


def scan_keys(server: Server, storage: Storage, prefix: str) -> Iterator[bytes]:
    """Yield the keys that :func:`count_keys` counts."""
    for node in server.nodes():
        yield from _scan(server, node, encode(prefix), _TYPES[storage], COUNT_BATCH)


def _iterate_cursor(
    server: Server, definition: IndexDefinition, stats: IndexStats, batch_size: int
) -> Iterator[list[bytes]]:
    """Yield the keys that the index holds.

    Raises:
        _CursorBroken: the cursor expired, or returned fewer documents than the index has.
    """
    index = encode(definition.name)
    cursor = 0
    count = 0
    # without TIMEOUT 0 the server cuts a slow reply short without an error
    query = (b"FT.AGGREGATE", index, b"*", b"LOAD", 1, b"@__key", b"TIMEOUT", 0, b"WITHCURSOR", b"COUNT", batch_size)
    reply, cursor = server.command(*query, b"MAXIDLE", IDLE_MILLISECONDS, b"DIALECT", 2)
    try:
        while True:
            keys = _keys_of(reply)
            count += len(keys)
            if keys:
                yield keys
            if not cursor:
                break
            try:
                reply, cursor = server.command(b"FT.CURSOR", b"READ", index, cursor, b"COUNT", batch_size)
            except ResponseError as error:
                cursor = 0
                raise _CursorBroken from error
    finally:
        if cursor:
            with suppress(RedisError):
                server.command(b"FT.CURSOR", b"DEL", index, cursor)
    if count < stats.num_docs and count < read_stats(server, definition.name).num_docs:
        raise _CursorBroken


def _iterate_rest(server: Server, definition: IndexDefinition, batch_size: int) -> Iterator[list[bytes]]:
    if definition.filter is None:
        return iterate_scan(server, definition, batch_size)
    return _iterate_cursor(server, definition, IndexStats(num_docs=0), batch_size)


def _keys_of(reply: Any) -> list[bytes]:
    """Return the keys of a reply; the row of a deleted document, or of a key with a zero byte, has none."""
    if isinstance(reply, Mapping):  # RESP3
        rows = [_as_mapping(row)[b"extra_attributes"] or {} for row in mapping(reply)["results"]]
    else:
        rows = [row for row in reply[1:] if row]
    # after the restart of a shard, search 8.2 can give flat lists in RESP3, too
    fields = map(_as_mapping, rows)
    return [row[b"__key"] for row in fields if row.get(b"__key") is not None]


def _as_mapping(row: Any) -> Mapping[bytes, Any]:
    return row if isinstance(row, Mapping) else dict(zip(row[::2], row[1::2], strict=True))


def _read_keys(yielded: IO[bytes]) -> set[bytes]:
    yielded.seek(0)
    return {key for keys in msgpack.Unpacker(yielded) for key in keys}


def _disjoint(prefixes: Iterable[str]) -> list[bytes]:
    """Return the prefixes without those that start with another one, so that no key is found twice."""
    every = {encode(prefix) for prefix in prefixes}
    return sorted(one for one in every if not any(one != other and one.startswith(other) for other in every))


def _nodes_with_index(server: Server, index: str) -> list[Redis]:
    """Return the nodes that have the index: all nodes with a cluster coordinator, otherwise one."""
    return [node for node in server.nodes() if encode(index) in server.command_at(node, b"FT._LIST")]


def _scan(server: Server, node: Redis, prefix: bytes, kind: bytes, batch_size: int) -> Iterator[bytes]:
    pattern = _GLOB.sub(rb"\\\g<0>", prefix) + b"*"
    cursor = b"0"
    while True:
        cursor, keys = server.command_at(node, b"SCAN", cursor, b"MATCH", pattern, b"COUNT", batch_size, b"TYPE", kind)
        yield from dict.fromkeys(keys)
        if cursor == b"0":
            return


def _regroup(keys: Iterator[bytes], batch_size: int) -> Iterator[list[bytes]]:
    while batch := list(islice(keys, batch_size)):
        yield batch
