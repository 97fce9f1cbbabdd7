"""Writing to hashes what they have already, so that the server indexes them again."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic
from typing import Any, Final

from fieldfare.server.connection import Server
from fieldfare.server.pipeline import Command
from fieldfare.server.transaction import Decision, transact
from fieldfare.server.transaction_limit import TransactionLimit

__all__ = ["trial_unchanged_writes", "write_unchanged"]

GROUP: Final = 100
"""How many keys share a transaction at most."""


def write_unchanged(server: Server, keys: Sequence[bytes], limit: TransactionLimit | None = None) -> None:
    """Write one field of each hash as it is; its expiry, and that of the field, stay. Other keys are left alone.

    Args:
        server: where the hashes are; it has HSETEX.
        keys: any number.
        limit: how many keys share a transaction.

    Raises:
        redis.exceptions.WatchError: another client writes to a key all the time.
        redis.exceptions.ResponseError: a command was refused.
        redis.exceptions.ConnectionError: the server did not answer.
    """
    limit = limit or TransactionLimit()
    start = 0
    while start < len(keys):
        group = keys[start : start + min(limit.documents, GROUP)]
        began = monotonic()
        transact(server, group, _read, _write)
        limit.learn(len(group), monotonic() - began)
        start += len(group)


def trial_unchanged_writes(key: bytes) -> list[Command]:
    """Return the commands that :func:`write_unchanged` sends; the key does not exist, so that they change nothing."""
    return [(b"HRANDFIELD", key, 1, b"WITHVALUES"), (b"HSETEX", key, b"FXX", b"KEEPTTL", b"FIELDS", 1, b"field", b"")]


def _read(key: bytes) -> Sequence[Command]:
    return [(b"HRANDFIELD", key, 1, b"WITHVALUES")]


def _write(key: bytes, replies: Sequence[Any]) -> Decision[None]:
    found = replies[0]
    if not isinstance(found, list) or not found:  # gone, or no hash
        return None, []
    name, value = found[0] if isinstance(found[0], list) else found
    # FXX: not a field that has expired in the meantime
    return None, [(b"HSETEX", key, b"FXX", b"KEEPTTL", b"FIELDS", 1, name, value)]
