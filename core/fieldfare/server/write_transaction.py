"""Conditional writes for users who may not run scripts: read, compare, and write in a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fieldfare.definition import Storage
from fieldfare.server.conditional_write import (
    ABSENT,
    ANY_VALUE,
    CHANGED,
    SKIP_FIELD,
    VANISHED,
    WRONG_TYPE,
    Row,
    digest,
    expected_reply,
    field_value,
    is_wrong_type,
)
from fieldfare.server.connection import Server
from fieldfare.server.pipeline import Command, encode
from fieldfare.server.transaction import Decision, transact

__all__ = ["write_in_transactions"]


def write_in_transactions(
    server: Server, storage: Storage, rows: Sequence[Row], paths: Sequence[str]
) -> dict[bytes, str]:
    """Write rows with the same result as the scripts of ``write_script``.

    Returns:
        Key → outcome, for the documents that were not written, or not in all of their fields.

    Raises:
        redis.exceptions.WatchError: another client writes to a document at every attempt.
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
        found = [field_value(reply) for reply in replies[: len(names)]]
        has_reply = has_expiries and isinstance(replies[-1], list) and replies[-1]
        expiries = replies[-1] if has_reply else [-1] * len(names)
        return _decision(storage, key, list(zip(names, found, expiries, strict=True)), parts_of[key])

    answers = transact(server, list(parts_of), read, decide)
    return {key: answer for key, answer in zip(parts_of, answers, strict=True) if answer is not None}


def _decision(
    storage: Storage, key: bytes, fields: Sequence[tuple[bytes, bytes | None, int]], parts: Sequence[bytes]
) -> Decision[str | None]:
    outcome = None
    writes: list[Command] = []
    required = exists = False
    for (name, found, expires), expected, value in zip(fields, parts[::2], parts[1::2], strict=True):
        if expected == SKIP_FIELD:
            continue
        required = required or expected != ABSENT
        exists = exists or found is not None
        if found is None or found == expected_reply(storage, name, value):
            continue
        if expected != ANY_VALUE and digest(found) != expected:
            outcome = CHANGED
        elif storage is Storage.JSON:
            writes.append((b"JSON.SET", key, name, value, b"XX"))
        else:
            writes.append((b"HSET", key, name, value))
            if expires > 0:
                writes.append((b"HPEXPIREAT", key, expires, b"FIELDS", 1, name))
    if required and not exists:
        outcome = VANISHED
    return outcome, writes
