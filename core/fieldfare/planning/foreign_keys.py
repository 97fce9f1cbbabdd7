"""Whether a server has keys that are no documents of an index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from redis.exceptions import RedisError

if TYPE_CHECKING:
    from fieldfare.definition import Snapshot
    from fieldfare.server import Server

__all__ = ["may_have_foreign_keys"]


def may_have_foreign_keys(server: Server, snapshot: Snapshot) -> bool:
    """Return False if each key of the server is a document of the index; True also where that cannot be told."""
    if server.capabilities.cluster or snapshot.definition.filter is not None:
        return True
    try:
        return int(server.command("DBSIZE")) > snapshot.stats.num_docs
    except RedisError:
        return True
