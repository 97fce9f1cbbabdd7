"""Which keys exist."""

from __future__ import annotations

from collections.abc import Sequence

from redis.exceptions import ResponseError

from fieldfare.server import Server

__all__ = ["existing_keys"]


def existing_keys(server: Server, keys: Sequence[bytes]) -> set[bytes]:
    """Return the keys that exist. If none does, one command answers for all of them, except in a cluster.

    Raises:
        redis.exceptions.ResponseError: the server refused EXISTS.
    """
    if not keys or (not server.capabilities.cluster and server.command(b"EXISTS", *keys) == 0):
        return set()
    existing = set()
    for key, reply in zip(keys, server.bulk([(b"EXISTS", key) for key in keys]), strict=True):
        if isinstance(reply, ResponseError):
            raise reply
        if reply:
            existing.add(key)
    return existing
