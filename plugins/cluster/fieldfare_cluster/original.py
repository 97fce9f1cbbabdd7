"""What RESTORE must be told about a key besides its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen
from redis.exceptions import ResponseError

from fieldfare.errors import FieldfareError
from fieldfare.server import Server
from fieldfare.wire import Argument

__all__ = ["Original", "read_originals"]


@frozen
class Original:
    """A key as it was before its value was read.

    Attributes:
        size: bytes of memory that it takes.
        expires_at: in milliseconds since the epoch; 0 for never.
        use: how long ago or how often it was used, as arguments of RESTORE.
    """

    size: int
    expires_at: int
    use: tuple[Argument, ...]


def read_originals(server: Server, keys: Sequence[bytes]) -> list[Original | None]:
    """Read what is lost once a key's value is read or written: DUMP counts as using it.

    Returns:
        One for each key, in order; None for a key that is not there.

    Raises:
        FieldfareError: the server refused to tell when a key expires.
    """
    use = b"FREQ" if "lfu" in server.capabilities.eviction_policy else b"IDLETIME"
    replies = server.bulk(
        [
            command
            for key in keys
            for command in ((b"OBJECT", use, key), (b"MEMORY", b"USAGE", key), (b"PEXPIRETIME", key))
        ]
    )
    rows = zip(keys, replies[::3], replies[1::3], replies[2::3], strict=True)
    return [_original(key, use, used, size, expires_at) for key, used, size, expires_at in rows]


def _original(key: bytes, use: bytes, used: Any, size: Any, expires_at: Any) -> Original | None:
    if isinstance(expires_at, ResponseError):
        raise FieldfareError(f"the server refused to tell when {key!r} expires: {expires_at}") from expires_at
    if expires_at == -2:  # noqa: PLR2004 - no such key (https://redis.io/docs/latest/commands/pexpiretime/)
        return None
    return Original(
        size=size if isinstance(size, int) else 0,
        expires_at=max(expires_at, 0),
        # a node with another eviction policy does not count what this one counts
        use=(use, used) if isinstance(used, int) else (),
    )
