"""Which keys exist."""

from __future__ import annotations

from collections.abc import Sequence

from redis.exceptions import ResponseError

from fieldfare.server import Server

__all__ = ["present"]


def present(server: Server, keys: Sequence[bytes]) -> set[bytes]:
    """Return which of these keys exist. One command for all of them if none does, outside of a cluster.

    Raises:
        redis.exceptions.ResponseError: the server refuses to tell.
    """
    if not keys or (not server.capabilities.cluster and server.command(b"EXISTS", *keys) == 0):
        return set()
    found = set()
    for key, reply in zip(keys, server.bulk([(b"EXISTS", key) for key in keys]), strict=True):
        if isinstance(reply, ResponseError):
            raise reply
        if reply:
            found.add(key)
    return found
