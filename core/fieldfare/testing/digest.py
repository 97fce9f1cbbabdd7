"""The whole state of a database as one value, to compare before and after."""

from __future__ import annotations

import hashlib
from typing import Any, TypeAlias

from fieldfare.definition import IndexDefinition
from fieldfare.server import Server
from fieldfare.server.inspect import list_indexes, read_snapshot
from fieldfare.testing.indexing import wait_until_indexed

__all__ = ["IndexState", "State", "database_digest", "index_state", "read_state"]

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
    digest = hashlib.sha256()
    client: Any = server.client
    for key in sorted(client.scan_iter(count=1000)):
        if not key.startswith(b"fieldfare:"):
            digest.update(repr((key, _content(client, key), client.expiretime(key))).encode())
    return digest.hexdigest()


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


def _content(client: Any, key: bytes) -> object:
    kind = client.type(key)
    if kind == b"hash":
        return sorted(client.hgetall(key).items()), client.hexpiretime(key, *sorted(client.hkeys(key)))
    if kind == b"ReJSON-RL":
        return client.execute_command("JSON.GET", key)
    return client.dump(key)
