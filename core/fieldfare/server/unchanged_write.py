"""Writing to hashes what they have already, so that the server indexes them again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fieldfare.server.connection import Server
from fieldfare.server.pipeline import Command
from fieldfare.server.transaction import Decision, transact

__all__ = ["write_unchanged"]

GROUP: Final = 100
"""How many keys share a transaction."""


def write_unchanged(server: Server, keys: Sequence[bytes]) -> None:
    """Write one field of each hash as it is; its expiry, and that of the field, stay. Other keys are left alone.

    Args:
        server: where the hashes are; it has HSETEX.
        keys: any number.

    Raises:
        redis.exceptions.WatchError: another client writes to a key all the time.
        redis.exceptions.ResponseError: a command was refused.
        redis.exceptions.ConnectionError: the server did not answer.
    """
    for start in range(0, len(keys), GROUP):
        transact(server, keys[start : start + GROUP], _read, _write)


def _read(key: bytes) -> Sequence[Command]:
    return [(b"HRANDFIELD", key, 1, b"WITHVALUES")]


def _write(key: bytes, replies: Sequence[Any]) -> Decision[None]:
    found = replies[0]
    if not isinstance(found, list) or not found:  # gone, or no hash
        return None, []
    name, value = found[0] if isinstance(found[0], list) else found
    return None, [(b"HSETEX", key, b"KEEPTTL", b"FIELDS", 1, name, value)]
