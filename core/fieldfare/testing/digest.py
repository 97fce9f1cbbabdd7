"""The whole state of a database as one value, to compare before and after."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from fieldfare.definition import IndexDefinition
from fieldfare.server import Server
from fieldfare.server.inspect import list_indexes, read_snapshot
from fieldfare.testing.indexing import wait_until_indexed

__all__ = ["IndexState", "State", "database_digest", "index_state", "read_state"]

READ: Final = {b"hash": "HGETALL", b"ReJSON-RL": "JSON.GET"}
"""Type of a key → the command that reads it; DUMP for any other."""

BATCH: Final = 5000
"""How many keys are read at a time."""

IndexState: TypeAlias = dict[str, tuple[IndexDefinition, dict[str, tuple[str, ...]], int]]
"""Definition, synonyms and number of documents of every index, by name."""

State: TypeAlias = tuple[str, IndexState]
"""Everything that a migration may change: a digest of all keys, and every index."""


def read_state(server: Server) -> State:
    """Return every key's content and time to live, as a digest, and every index."""
    return database_digest(server), index_state(server)


def database_digest(server: Server) -> str:
    """Return a digest over every key with its content and its time to live (in seconds).

    Keys that start with ``fieldfare:`` are ours and do not count.
    """
    client: Any = server.client
    keys = sorted(key for key in client.scan_iter(count=1000) if not key.startswith(b"fieldfare:"))
    digest = hashlib.sha256()
    for start in range(0, len(keys), BATCH):
        for facts in _read(server, keys[start : start + BATCH]):
            digest.update(repr(facts).encode())
    return digest.hexdigest()


def _read(server: Server, keys: list[bytes]) -> Iterator[tuple[Any, ...]]:
    """Read each key: its name, content, and times to live."""
    kinds = server.bulk([("TYPE", key) for key in keys])
    expiries = server.bulk([("EXPIRETIME", key) for key in keys])
    contents = server.bulk([(READ.get(kind, "DUMP"), key) for key, kind in zip(keys, kinds, strict=True)])
    hashes = {
        key: sorted(content.items() if isinstance(content, Mapping) else zip(content[::2], content[1::2], strict=True))
        for key, kind, content in zip(keys, kinds, contents, strict=True)
        if kind == b"hash"
    }
    asked = [
        ("HEXPIRETIME", key, "FIELDS", len(fields), *(name for name, _ in fields)) for key, fields in hashes.items()
    ]
    field_expiries = dict(zip(hashes, server.bulk(asked), strict=True))
    for key, expiry, content in zip(keys, expiries, contents, strict=True):
        yield key, hashes.get(key, content), field_expiries.get(key), expiry


def index_state(server: Server) -> IndexState:
    """Return definition, synonyms and number of documents of every index, but for ours (``fieldfare:``).

    Waits until they have every document.
    """
    wait_until_indexed(server)
    state: IndexState = {}
    for name in list_indexes(server):
        if name.startswith("fieldfare:"):
            continue
        snapshot = read_snapshot(server, name)
        state[name] = (snapshot.definition, dict(snapshot.synonyms), snapshot.stats.num_docs)
    return state
