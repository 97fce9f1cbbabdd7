"""Lists the keys of an index's documents, in batches."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import chain, islice
from tempfile import TemporaryFile
from typing import IO, Any, Final

import msgpack
from redis import Redis
from redis.exceptions import ConnectionError, RedisError, ResponseError  # noqa: A004 - redis-py's

from fieldfare.definition import IndexDefinition, IndexStats, Storage
from fieldfare.server.connection import Server
from fieldfare.server.inspect import has_index, read_stats
from fieldfare.server.pipeline import encode
from fieldfare.server.prefixes import disjoint_prefixes
from fieldfare.server.probe import read_run_id
from fieldfare.server.query_reply import aggregate_rows
from fieldfare.server.refusal import CommandNotAllowed, optional
from fieldfare.server.search import find_indexed, search_all_keys

__all__ = [
    "TYPES",
    "count_keys",
    "distinct_keys",
    "iterate_keys",
    "iterate_scan",
    "nodes_with_index",
    "scan_batches",
    "scan_keys",
]

IDLE_MILLISECONDS: Final = 300_000
"""Idle timeout of a cursor: the most that search allows by default (CURSOR_MAX_IDLE)."""

MOST_KEYS: Final = 50_000
"""How many keys of a scan are kept in memory, to see whether it yields them again; further ones go to files."""

PARTS: Final = 32
"""How many files these are, by a hash of the key: one of them at a time is in memory."""

LIST_BATCH: Final = 2000
"""The least COUNT of SCAN where keys are listed: a call keeps the server from all else for half a millisecond."""

COUNT_BATCH: Final = 5000
"""COUNT of SCAN where keys are only counted."""

TYPES: Final = {Storage.HASH: b"hash", Storage.JSON: b"ReJSON-RL"}
"""What TYPE answers for a document."""

_GLOB: Final = re.compile(rb"[*?\[\]\\^-]")


class _CursorBroken(Exception):
    """The cursor did not return all documents."""

    def __init__(self, refusal: CommandNotAllowed | None = None) -> None:
        """Keep why there cannot be another cursor; None if there can."""
        super().__init__()
        self.refusal = refusal


def iterate_keys(
    server: Server, definition: IndexDefinition, stats: IndexStats, batch_size: int
) -> Generator[list[bytes], None, None]:
    """Yield the keys of all documents of an index; all batches but the last have ``batch_size`` keys.

    Without a FILTER, the keyspace is scanned for the index's prefixes. That is faster than asking the index, whose
    answers end a key at a NUL byte, and it also finds what a new index would hold and this one does not: documents
    that could not be indexed, are not indexed yet, or were there before an index with SKIPINITIALSCAN. A user who may
    not scan gets the keys from the index.

    Only the index knows which documents a FILTER accepts: then the keys come from it (FT.AGGREGATE WITHCURSOR; where
    a cursor ends early or some key has a NUL byte, one FT.SEARCH for all of them).

    A key that is written or deleted during the iteration may be missing or not. Memory does not grow with the number
    of keys up to some 1.5 million, and then with a thirty-second of it; with all of it if an index has a FILTER and a
    cursor ends early or a key has a NUL byte.

    Raises:
        PreconditionError: MAXSEARCHRESULTS is too low for that FT.SEARCH.
        redis.exceptions.RedisError: the server does not answer, or refuses a command.
    """
    if definition.filter is None:
        try:
            yield from iterate_scan(server, definition, batch_size)
        except CommandNotAllowed as error:
            yield from _without_scan(server, definition, stats, batch_size, error)
        return
    if optional(lambda: _has_nul_keys(server, definition), otherwise=False):
        yield from _regroup(iter(search_all_keys(server, definition.name)), batch_size)
        return
    with TemporaryFile(prefix="fieldfare-keys-") as yielded:
        try:
            for keys in _iterate_cursor(server, definition, stats, batch_size):
                yielded.write(msgpack.packb(keys))
                yield keys
        except _CursorBroken as broken:
            seen, refusal = _read_keys(yielded), broken.refusal
        else:
            return
    if refusal is None:
        rest = iter(search_all_keys(server, definition.name))
    else:
        rest = _indexed_among_scanned(server, definition, batch_size, refusal)
    yield from _regroup((key for key in rest if key not in seen), batch_size)


def iterate_scan(server: Server, definition: IndexDefinition, batch_size: int) -> Iterator[list[bytes]]:
    """Yield the keys of an index's storage type under its prefixes, each once, in batches of ``batch_size``.

    In a cluster, scans every node that has the index.
    """
    found = distinct_keys(_scan_prefixes(server, definition, b"*", max(batch_size, LIST_BATCH)))
    return _regroup(chain.from_iterable(found), batch_size)


def _has_nul_keys(server: Server, definition: IndexDefinition) -> bool:
    return any(_scan_prefixes(server, definition, b"*\0*", COUNT_BATCH))


def _scan_prefixes(server: Server, definition: IndexDefinition, pattern: bytes, count: int) -> Iterator[list[bytes]]:
    """Yield the keys of which a prefix of the index is followed by a pattern, some at a time."""
    kind = TYPES[definition.storage]
    for node in nodes_with_index(server, definition.name):
        for prefix in disjoint_prefixes(definition.prefixes):
            yield from _scan(server, node, prefix, kind, count, pattern)


def count_keys(server: Server, storage: Storage, prefix: str) -> int:
    """Count the keys of a storage type under a prefix, on all nodes, by a scan of the whole keyspace.

    A scan can count a key twice if the server shrinks its hash table during the scan.
    """
    return sum(1 for _ in scan_keys(server, storage, prefix))


def scan_keys(server: Server, storage: Storage, prefix: str) -> Iterator[bytes]:
    """Yield the keys that :func:`count_keys` counts."""
    return chain.from_iterable(scan_batches(server, storage, prefix))


def scan_batches(server: Server, storage: Storage, prefix: str) -> Iterator[list[bytes]]:
    """Yield the keys that :func:`scan_keys` yields, some at a time."""
    for node in server.nodes():
        yield from _scan(server, node, encode(prefix), TYPES[storage], COUNT_BATCH)


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
    try:
        reply, cursor = server.command(*query, b"MAXIDLE", IDLE_MILLISECONDS, b"DIALECT", 2)
    except CommandNotAllowed as refusal:
        raise _CursorBroken(refusal) from refusal
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
                raise _CursorBroken(error if isinstance(error, CommandNotAllowed) else None) from error
    finally:
        if cursor:
            with suppress(RedisError):
                server.command(b"FT.CURSOR", b"DEL", index, cursor)
    if count < stats.num_docs and count < read_stats(server, definition.name).num_docs:
        raise _CursorBroken


def _without_scan(
    server: Server, definition: IndexDefinition, stats: IndexStats, batch_size: int, refusal: CommandNotAllowed
) -> Iterator[list[bytes]]:
    """Yield the keys that the index holds.

    Raises:
        CommandNotAllowed: the user may neither scan nor use a cursor, or the cursor ended early.
    """
    try:
        yield from _iterate_cursor(server, definition, stats, batch_size)
    except _CursorBroken as broken:
        raise (refusal if broken.refusal is None else refusal.or_else(broken.refusal)) from broken


def _indexed_among_scanned(
    server: Server, definition: IndexDefinition, batch_size: int, refusal: CommandNotAllowed
) -> Iterator[bytes]:
    """Scan for keys, and ask the index which of them it holds; a query takes a key as text that ends at a NUL byte.

    Raises:
        CommandNotAllowed: the user may neither use a cursor nor scan.
    """
    try:
        for keys in iterate_scan(server, definition, batch_size):
            indexed = find_indexed(server, definition.name, [key for key in keys if b"\0" not in key])
            yield from (key for key in keys if key in indexed)
    except CommandNotAllowed as error:
        raise refusal.or_else(error) from error


def _keys_of(reply: Any) -> list[bytes]:
    """Return the keys of a reply; the row of a deleted document, or of a key with a zero byte, has none."""
    keys = (row.get(b"__key") for row in aggregate_rows(reply))
    return [key for key in keys if key is not None]


def _read_keys(yielded: IO[bytes]) -> set[bytes]:
    yielded.seek(0)
    return {key for keys in msgpack.Unpacker(yielded) for key in keys}


def nodes_with_index(server: Server, index: str) -> list[Redis]:
    """Return the nodes that have the index: all nodes with a cluster coordinator, otherwise one."""
    if not server.capabilities.cluster:
        return list(server.nodes())
    return [node for node in server.nodes() if has_index(server, node, index)]


def _scan(  # noqa: PLR0913, PLR0917 - what SCAN is given
    server: Server, node: Redis, prefix: bytes, kind: bytes, count: int, rest: bytes = b"*"
) -> Iterator[list[bytes]]:
    """Yield the keys that a node has.

    Raises:
        redis.exceptions.ConnectionError: the node was restarted meanwhile. Its cursors mean nothing to the new process,
            which answers them without an error, and leaves out keys.
    """
    pattern = _GLOB.sub(rb"\\\g<0>", prefix) + rest
    cursor, process = b"0", read_run_id(node)
    while True:
        cursor, keys = server.command_at(node, b"SCAN", cursor, b"MATCH", pattern, b"COUNT", count, b"TYPE", kind)
        yield list(dict.fromkeys(keys))
        if cursor == b"0":
            break
    if read_run_id(node) != process:
        raise ConnectionError("the server was restarted during a scan of its keys")


def distinct_keys(batches: Iterable[list[bytes]]) -> Iterator[list[bytes]]:
    """Yield each key once: a scan yields some again if the server shrinks its hash table during the scan.

    So that memory is bounded, only the first keys are kept in it. The rest goes to files, each key to that of its hash.
    """
    seen: set[bytes] = set()
    with ExitStack() as files:
        parts: list[IO[bytes]] = []
        for keys in batches:
            new = keys if seen.isdisjoint(keys) else [key for key in keys if key not in seen]
            if len(seen) < MOST_KEYS:
                seen.update(new)
                yield new
            else:
                parts = parts or [files.enter_context(TemporaryFile(prefix="fieldfare-keys-")) for _ in range(PARTS)]
                _divide(new, parts)
        for part in parts:
            part.seek(0)
            seen = set()
            for keys in msgpack.Unpacker(part):
                new = [key for key in keys if key not in seen]
                seen.update(new)
                yield new


def _divide(keys: Iterable[bytes], parts: Sequence[IO[bytes]]) -> None:
    """Write each key to one of some files."""
    divided: list[list[bytes]] = [[] for _ in parts]
    for key in keys:
        divided[hash(key) % len(parts)].append(key)
    for part, some in zip(parts, divided, strict=True):
        part.write(msgpack.packb(some))


def _regroup(keys: Iterator[bytes], batch_size: int) -> Iterator[list[bytes]]:
    while batch := list(islice(keys, batch_size)):
        yield batch
