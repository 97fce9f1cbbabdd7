"""Writing without scripts, where Redis forbids them: read, compare, and write in a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from fieldfare.definition import Storage
from fieldfare.server.connection import Server
from fieldfare.server.replacement import (
    ANYTHING,
    CHANGED,
    KEEP,
    NOTHING,
    VANISHED,
    WRONG_TYPE,
    Row,
    digest,
    is_wrong_type,
    spelled,
)
from fieldfare.server.transaction import Decision, transact
from fieldfare.wire import Command, encode

__all__ = ["write_optimistically"]


def write_optimistically(
    server: Server, storage: Storage, rows: Sequence[Row], paths: Sequence[str]
) -> dict[bytes, str]:
    """Do as the scripts do.

    Returns:
        What came of the documents that are not as they should be now.

    Raises:
        redis.exceptions.WatchError: somebody else writes to a document all the time.
        redis.exceptions.ResponseError: a write was refused.
    """
    names = [encode(path) for path in paths]
    parts_of = dict(rows)
    has_expiries = storage is Storage.HASH and server.capabilities.has_hash_field_ttl

    def read(key: bytes) -> list[Command]:
        if storage is Storage.JSON:
            return [(b"JSON.GET", key, name) for name in names]
        expiries: list[Command] = [(b"HPEXPIRETIME", key, b"FIELDS", len(names), *names)] if has_expiries else []
        return [*((b"HGET", key, name) for name in names), *expiries]

    def decide(key: bytes, replies: Sequence[Any]) -> Decision[str | None]:
        if any(map(is_wrong_type, replies)):
            return WRONG_TYPE, []
        found = [_value(reply) for reply in replies[: len(names)]]
        expiries = replies[-1] if has_expiries and isinstance(replies[-1], list) else [-1] * len(names)
        return _decision(
            storage, key, list(zip(names, found, expiries or [-1] * len(names), strict=True)), parts_of[key]
        )

    answers = transact(server, list(parts_of), read, decide)
    return {key: answer for key, answer in zip(parts_of, answers, strict=True) if answer is not None}


def _value(reply: Any) -> bytes | None:
    if isinstance(reply, ResponseError) and "does not exist" not in str(reply):
        raise reply
    return reply if isinstance(reply, bytes) and reply != b"[]" else None


def _decision(
    storage: Storage, key: bytes, fields: Sequence[tuple[bytes, bytes | None, int]], parts: Sequence[bytes]
) -> Decision[str | None]:
    outcome = None
    writes: list[Command] = []
    wanted = there = False
    for (name, found, expires), expected, value in zip(fields, parts[::2], parts[1::2], strict=True):
        if expected == KEEP:
            continue
        wanted = wanted or expected != NOTHING
        there = there or found is not None
        if found is None or found == spelled(storage, name, value):
            continue
        if expected != ANYTHING and digest(found) != expected:
            outcome = CHANGED
        elif storage is Storage.JSON:
            writes.append((b"JSON.SET", key, name, value, b"XX"))
        else:
            writes.append((b"HSET", key, name, value))
            if expires > 0:
                writes.append((b"HPEXPIREAT", key, expires, b"FIELDS", 1, name))
    if wanted and not there:
        outcome = VANISHED
    return outcome, writes
