"""Arguments of RESTORE besides the value: expiry and usage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from redis.exceptions import ResponseError

from fieldfare.errors import FieldfareError
from fieldfare.server import Server
from fieldfare.server.pipeline import Argument

__all__ = ["KeyMetadata", "read_metadata"]


@frozen
class KeyMetadata:
    """What Redis knows about a key besides its value.

    Attributes:
        size: bytes of memory.
        expires_at: in milliseconds since the epoch; 0 for never.
        usage: its idle time or access frequency, as arguments of RESTORE.
    """

    size: int
    expires_at: int
    usage: tuple[Argument, ...]


def read_metadata(server: Server, keys: Sequence[bytes]) -> list[KeyMetadata | None]:
    """Read metadata of keys, before DUMP changes their idle time or access frequency.

    Returns:
        One for each key, in order; None for a missing key.

    Raises:
        FieldfareError: the server refused to return when a key expires.
    """
    usage = b"FREQ" if "lfu" in server.capabilities.eviction_policy else b"IDLETIME"
    replies = server.bulk(
        [
            command
            for key in keys
            for command in ((b"OBJECT", usage, key), (b"MEMORY", b"USAGE", key), (b"PEXPIRETIME", key))
        ]
    )
    rows = zip(keys, replies[::3], replies[1::3], replies[2::3], strict=True)
    return [_key_metadata(key, usage, count, size, expires_at) for key, count, size, expires_at in rows]


def _key_metadata(key: bytes, usage: bytes, count: Any, size: Any, expires_at: Any) -> KeyMetadata | None:
    if isinstance(expires_at, ResponseError):
        raise FieldfareError(f"the server refused to return when {key!r} expires: {expires_at}") from expires_at
    if expires_at == -2:  # noqa: PLR2004 - no such key (https://redis.io/docs/latest/commands/pexpiretime/)
        return None
    return KeyMetadata(
        size=size if isinstance(size, int) else 0,
        expires_at=max(expires_at, 0),
        # a node with another eviction policy does not keep this figure
        usage=(usage, count) if isinstance(count, int) else (),
    )
