"""Moving values without scripts, where Redis forbids them: read, and write in a transaction.

A hash's value is copied and taken away in one transaction. That of a JSON document is copied in a first one and
taken away in a second one, if the copy is there: Redis does not undo what stands before or behind a command that
fails, and JSON.SET can fail.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from fieldfare.definition import Storage
from fieldfare.server import Server
from fieldfare.server.documents import is_wrong_type
from fieldfare.server.spelling import as_read, faithful
from fieldfare.server.transaction import Decision, transact
from fieldfare.wire import Command, encode
from fieldfare_rename.movement import Keep, Movement, Outcome
from fieldfare_rename.original import Original

__all__ = ["move", "restore"]


def move(server: Server, storage: Storage, keys: Sequence[bytes], movement: Movement) -> list[tuple[bytes, Outcome]]:
    """Move a value in each of these documents; see :func:`fieldfare_rename.document.move_values`."""
    if storage is Storage.HASH:
        hashes = _Hashes(movement, expiring=server.capabilities.has_hash_field_ttl)
        answers = list(zip(keys, transact(server, keys, hashes.read, hashes.decide), strict=True))
    else:
        documents = _Documents(movement)
        begun = list(zip(keys, transact(server, keys, documents.read, documents.decide), strict=True))
        copied = [key for key, outcome in begun if outcome is None]
        finished = zip(copied, transact(server, copied, documents.read, documents.finish), strict=True)
        answers = [*((key, outcome) for key, outcome in begun if outcome is not None), *finished]
    return [(key, outcome) for key, outcome in answers if outcome is not Outcome.MOVED]


def restore(server: Server, storage: Storage, originals: Sequence[Original], source: str, target: str) -> list[Any]:
    """Write both values of each of these documents back; see :func:`fieldfare_rename.document.restore_originals`."""
    by_key = {original.key: original for original in originals}
    names = encode(source), encode(target)
    look, put = (b"HEXISTS", b"HSET") if storage is Storage.HASH else (b"JSON.TYPE", b"JSON.SET")
    spelled = bytes if storage is Storage.HASH else faithful

    def read(key: bytes) -> list[Command]:
        return [(look, key, name) for name in names]

    def decide(key: bytes, replies: Sequence[Any]) -> Decision[Any]:
        refused = next((reply for reply in replies if isinstance(reply, ResponseError)), None)
        if refused is not None:
            return refused, []
        if not any(reply not in (None, 0, [], [[]]) for reply in replies):
            return 0, []
        each = by_key[key]
        writes: list[Command] = [
            (put, key, name, spelled(value or b"")) for name, value in zip(names, (each.old, each.new), strict=True)
        ]
        for name, expires in zip(names, (each.old_expires_at, each.new_expires_at), strict=True):
            if expires:
                writes.append((b"HPEXPIREAT", key, expires, b"FIELDS", 1, name))
        return 1, writes

    return transact(server, list(by_key), read, decide)


class _Hashes:
    """One movement, in hashes."""

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
        old, new = _sound(values)
        settled = _settled(old, new, self._keep, exists=bool(exists))
        if settled is not None:
            return settled, []
        writes: list[Command] = []
        if self._keep is not Keep.TARGET or new is None or new == old:
            writes.append((b"HSET", key, self._target, old))
            expires = _sound(expiry[0])[0] if expiry else -1
            if expires > 0:
                writes.append((b"HPEXPIREAT", key, expires, b"FIELDS", 1, self._target))
        return Outcome.MOVED, [*writes, (b"HDEL", key, self._source)]


class _Documents:
    """One movement, in JSON documents."""

    def __init__(self, movement: Movement) -> None:
        self._source, self._target = encode(movement.source), encode(movement.target)
        self._keep = movement.keep
        self._containers = [encode(path) for path in movement.containers]
        self._leftovers = [encode(path) for path in movement.leftovers]

    def read(self, key: bytes) -> list[Command]:
        values = [(b"JSON.GET", key, path) for path in (self._source, self._target)]
        return [*values, (b"EXISTS", key), *((b"JSON.OBJLEN", key, path) for path in self._leftovers)]

    def decide(self, key: bytes, replies: Sequence[Any]) -> Decision[Outcome | None]:
        """Copy the value; None says that it has to be taken away yet."""
        if is_wrong_type(replies[0]):
            return Outcome.WRONG_TYPE, []
        old, new, exists = _value(replies[0]), _value(replies[1]), bool(replies[2])
        new = old if _is_copy(old, new) else new
        settled = _settled(old, new, self._keep, exists=exists)
        if settled is not None or old is None:
            return settled, []
        if new == old or (new is not None and self._keep is Keep.TARGET):
            return Outcome.MOVED, self._removal(key, replies[3:])
        containers = [(b"JSON.SET", key, path, b"{}", b"NX") for path in self._containers]
        return None, [*containers, (b"JSON.SET", key, self._target, faithful(old))]

    def finish(self, key: bytes, replies: Sequence[Any]) -> Decision[Outcome]:
        """Take away what has been copied."""
        if is_wrong_type(replies[0]):
            return Outcome.WRONG_TYPE, []
        old, new, exists = _value(replies[0]), _value(replies[1]), bool(replies[2])
        new = old if _is_copy(old, new) else new
        if old is not None and old == new:
            return Outcome.MOVED, self._removal(key, replies[3:])
        if old is not None and new is None:
            return Outcome.NO_ROOM, []
        return _settled(old, new, None, exists=exists) or Outcome.BOTH, []

    def _removal(self, key: bytes, lengths: Sequence[Any]) -> list[Command]:
        """Delete the source, and the leftovers that hold nothing else."""
        commands: list[Command] = [(b"JSON.DEL", key, self._source)]
        for path, length in zip(self._leftovers, lengths, strict=True):
            if _sound(length) != [1]:
                break
            commands.append((b"JSON.DEL", key, path))
        return commands


def _settled(old: bytes | None, new: bytes | None, keep: Keep | None, *, exists: bool) -> Outcome | None:
    """Return the outcome where nothing has to be done; None where something has."""
    if old is None:
        return Outcome.DONE if new is not None else Outcome.MISSING if exists else Outcome.VANISHED
    return Outcome.BOTH if new not in (None, old) and keep is None else None


def _is_copy(old: bytes | None, new: bytes | None) -> bool:
    """Whether a value is what becomes of the other where it is written: a few numbers cannot be."""
    if old is None or new is None or old == new:
        return old == new
    return bool(json.loads(new) == json.loads(faithful(old), parse_float=as_read))


def _value(reply: Any) -> bytes | None:
    """Return the text of a path's only value; None if there is none."""
    text: bytes | None = _sound(reply)
    return None if text is None or text == b"[]" else text[1:-1]


def _sound(reply: Any) -> Any:
    if isinstance(reply, ResponseError):
        raise reply
    return reply
