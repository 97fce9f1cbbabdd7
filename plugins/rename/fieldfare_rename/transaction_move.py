"""Moving values with WATCH transactions, for users who may not run scripts.

A hash value is copied and its source removed in one transaction. A JSON value is copied in one transaction, and its
source is removed in a second one if the copy exists: JSON.SET can fail, and Redis executes the other commands of a
transaction all the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any

from redis.exceptions import ResponseError

from fieldfare.definition import Storage
from fieldfare.server import Server
from fieldfare.server.conditional_write import is_wrong_type
from fieldfare.server.json_numbers import parse_like_redis, round_trip_safe
from fieldfare.server.pipeline import Command, checked, encode
from fieldfare.server.transaction import Decision, transact
from fieldfare_rename.movement import Keep, Movement, Outcome
from fieldfare_rename.original import Original

__all__ = ["move", "restore"]


def move(server: Server, storage: Storage, keys: Sequence[bytes], movement: Movement) -> list[tuple[bytes, Outcome]]:
    """Move a value in each of these documents; see :func:`fieldfare_rename.document.move_values`."""
    if storage is Storage.HASH:
        hashes = _HashMove(movement, expiring=server.capabilities.has_hash_field_ttl)
        outcomes: dict[bytes, Outcome | None] = dict(
            zip(keys, transact(server, keys, hashes.read, hashes.decide), strict=True)
        )
    else:
        documents = _JsonMove(movement)
        outcomes = dict(zip(keys, transact(server, keys, documents.read, documents.decide), strict=True))
        copied = [key for key, outcome in outcomes.items() if outcome is None]
        remove = partial(documents.decide, is_copied=True)
        outcomes |= zip(copied, transact(server, copied, documents.read, remove), strict=True)
    return [(key, each) for key, each in outcomes.items() if each is not None and each is not Outcome.MOVED]


def restore(server: Server, storage: Storage, originals: Sequence[Original], source: str, target: str) -> list[Any]:
    """Restore both values of each of these documents; see :func:`fieldfare_rename.document.restore_originals`."""
    by_key = {original.key: original for original in originals}
    names = encode(source), encode(target)
    exists, write = (b"HEXISTS", b"HSET") if storage is Storage.HASH else (b"JSON.TYPE", b"JSON.SET")
    encoded = bytes if storage is Storage.HASH else round_trip_safe

    def read(key: bytes) -> list[Command]:
        return [(exists, key, name) for name in names]

    def decide(key: bytes, replies: Sequence[Any]) -> Decision[Any]:
        error = next((reply for reply in replies if isinstance(reply, ResponseError)), None)
        if error is not None:
            return error, []
        if not any(reply not in (None, 0, [], [[]]) for reply in replies):
            return 0, []
        each = by_key[key]
        writes: list[Command] = [
            (write, key, name, encoded(value or b"")) for name, value in zip(names, (each.old, each.new), strict=True)
        ]
        for name, expires in zip(names, (each.old_expires_at, each.new_expires_at), strict=True):
            if expires:
                writes.append((b"HPEXPIREAT", key, expires, b"FIELDS", 1, name))
        return 1, writes

    return transact(server, list(by_key), read, decide)


class _HashMove:
    """A movement in hashes."""

    def __init__(self, movement: Movement, *, expiring: bool) -> None:
        self._source, self._target = encode(movement.source), encode(movement.target)
        self._keep = movement.keep
        self._expiring = expiring

    def read(self, key: bytes) -> list[Command]:
        expiry: list[Command] = [(b"HPEXPIRETIME", key, b"FIELDS", 1, self._source)] if self._expiring else []
        return [(b"HMGET", key, self._source, self._target), (b"EXISTS", key), *expiry]

    def decide(self, key: bytes, replies: Sequence[Any]) -> Decision[Outcome]:
        values, exists, *expiry = replies
        if is_wrong_type(values):
            return Outcome.WRONG_TYPE, []
        old, new = checked(values)
        outcome = _outcome_without_write(old, new, self._keep, exists=bool(exists))
        if outcome is not None:
            return outcome, []
        writes: list[Command] = []
        if self._keep is not Keep.TARGET or new is None or new == old:
            writes.append((b"HSET", key, self._target, old))
            expires = checked(expiry[0])[0] if expiry else -1
            if expires > 0:
                writes.append((b"HPEXPIREAT", key, expires, b"FIELDS", 1, self._target))
        return Outcome.MOVED, [*writes, (b"HDEL", key, self._source)]


class _JsonMove:
    """A movement in JSON documents."""

    def __init__(self, movement: Movement) -> None:
        self._source, self._target = encode(movement.source), encode(movement.target)
        self._keep = movement.keep
        self._containers = [encode(path) for path in movement.containers]
        self._remove_if_empty = [encode(path) for path in movement.remove_if_empty]

    def read(self, key: bytes) -> list[Command]:
        values = [(b"JSON.GET", key, path) for path in (self._source, self._target)]
        return [*values, (b"EXISTS", key), *((b"JSON.OBJLEN", key, path) for path in self._remove_if_empty)]

    def decide(self, key: bytes, replies: Sequence[Any], *, is_copied: bool = False) -> Decision[Outcome | None]:
        """Copy the value; None if the source has yet to be removed. If the value is copied, remove the source."""
        if is_wrong_type(replies[0]):
            return Outcome.WRONG_TYPE, []
        old, new, exists = _value(replies[0]), _value(replies[1]), bool(replies[2])
        new = old if _is_copy(old, new) else new
        keep = None if is_copied else self._keep
        outcome = _outcome_without_write(old, new, keep, exists=exists)
        if outcome is not None or old is None:
            return outcome, []
        if new == old or (new is not None and keep is Keep.TARGET):
            return Outcome.MOVED, self._removal(key, replies[3:])
        if is_copied:
            return Outcome.NO_PARENT, []
        containers = [(b"JSON.SET", key, path, b"{}", b"NX") for path in self._containers]
        return None, [*containers, (b"JSON.SET", key, self._target, round_trip_safe(old))]

    def _removal(self, key: bytes, lengths: Sequence[Any]) -> list[Command]:
        """Delete the source, and the objects that are empty without it."""
        commands: list[Command] = [(b"JSON.DEL", key, self._source)]
        for path, length in zip(self._remove_if_empty, lengths, strict=True):
            if checked(length) != [1]:
                break
            commands.append((b"JSON.DEL", key, path))
        return commands


def _outcome_without_write(old: bytes | None, new: bytes | None, keep: Keep | None, *, exists: bool) -> Outcome | None:
    """Return the outcome if nothing has to be written; None otherwise."""
    if old is None:
        return Outcome.NEW_NAME_ONLY if new is not None else Outcome.NO_VALUE if exists else Outcome.NO_DOCUMENT
    return Outcome.BOTH if new not in (None, old) and keep is None else None


def _is_copy(old: bytes | None, new: bytes | None) -> bool:
    """Whether the new value is a copy of the old one; Redis changes a few numbers when it reads them."""
    if old is None or new is None or old == new:
        return old == new
    return bool(json.loads(new) == json.loads(round_trip_safe(old), parse_float=parse_like_redis))


def _value(reply: Any) -> bytes | None:
    """Return the text of a path's only value; None if there is none."""
    text: bytes | None = checked(reply)
    return None if text is None or text == b"[]" else text[1:-1]
