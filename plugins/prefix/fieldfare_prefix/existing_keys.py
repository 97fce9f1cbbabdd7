"""Which keys exist."""

from __future__ import annotations

from collections.abc import Sequence

from fieldfare.server import Server
from fieldfare.server.pipeline import checked

__all__ = ["existing_keys"]


def existing_keys(server: Server, keys: Sequence[bytes]) -> set[bytes]:
    """Return the keys that exist. If none does, one command answers for all of them, except in a cluster.

    Raises:
        redis.exceptions.ResponseError: the server refused EXISTS.
    """
    if not keys or (not server.capabilities.cluster and server.command(b"EXISTS", *keys) == 0):
        return set()
    replies = server.bulk([(b"EXISTS", key) for key in keys])
    return {key for key, reply in zip(keys, replies, strict=True) if checked(reply)}
