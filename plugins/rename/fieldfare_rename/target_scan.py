"""Scanning documents for values at the target, before any value moves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from redis.exceptions import ResponseError

from fieldfare.definition import Storage
from fieldfare.documents import KeyCounter
from fieldfare.server import Server
from fieldfare.server.conditional_write import is_wrong_type
from fieldfare.server.pipeline import Command, encode
from fieldfare_rename.movement import Keep
from fieldfare_rename.original import Original
from fieldfare_rename.rename import Rename, containers

__all__ = ["TargetScan"]


class TargetScan:
    """Finds the documents whose value cannot simply be moved, batch by batch. Only reads.

    Args:
        server: the server of the documents.
        storage: how they are stored.
        rename: the source and the target.
        keep: which value is kept if both names exist; None if the user did not choose.
        target_freed: whether an earlier step of the same plan moves the target's value away.

    Attributes:
        both_names: documents with both names.
        new_name_only: documents with the new name only.
        no_parent: documents with a value, in which a parent of the target is not an object.
    """

    def __init__(
        self, server: Server, storage: Storage, rename: Rename, *, keep: Keep | None, target_freed: bool
    ) -> None:
        self.both_names, self.new_name_only, self.no_parent = KeyCounter(), KeyCounter(), KeyCounter()
        self._server, self._storage = server, storage
        self._keep = keep
        self._source, self._target = encode(rename.source), encode(rename.target)
        self._containers = [encode(path) for path in containers(rename.source, rename.target, storage)]
        self._target_freed = target_freed

    def commands(self, keys: Sequence[bytes]) -> list[Command]:
        """Return the commands that read the target of these documents."""
        command = b"HEXISTS" if self._storage is Storage.HASH else b"JSON.TYPE"
        return [(command, key, path) for key in keys for path in self._paths]

    def originals(self, keys: Sequence[bytes], replies: Sequence[Any]) -> list[Original]:
        """Return the documents to save in the backup; ``replies`` answer :meth:`commands`."""
        occupied: list[bytes] = []
        without_parent: list[bytes] = []
        incomplete: list[Original] = []
        width = len(self._paths)
        for place, key in enumerate(keys):
            answers = replies[place * width : (place + 1) * width]
            if any(map(is_wrong_type, answers)):
                continue
            target, *parents = [None] * self._target_freed + list(map(_kind, answers))
            if target is not None:
                occupied.append(key)
            elif any(kind not in {None, b"object"} for kind in parents):
                without_parent.append(key)
            elif None in parents:
                incomplete.append(Original(key, created=b"%d" % parents.count(None)))
        self._count_without_parent(without_parent)
        return [*incomplete, *self._with_new_name(occupied)]

    @property
    def _paths(self) -> list[bytes]:
        return [*([] if self._target_freed else [self._target]), *self._containers]

    def _count_without_parent(self, keys: Sequence[bytes]) -> None:
        for key, reply in zip(keys, self._read([(b"JSON.TYPE", key, self._source) for key in keys]), strict=True):
            if _kind(reply) is not None:
                self.no_parent.add([key])

    def _with_new_name(self, keys: Sequence[bytes]) -> Iterator[Original]:
        """Yield the documents that have the new name; with both values, if the user chose which one is kept."""
        read = self._hash_values if self._storage is Storage.HASH else self._json_values
        for original in read(keys):
            if original.old is None or original.new is None:
                self.new_name_only.add([original.key])
                yield Original(original.key)
                continue
            self.both_names.add([original.key])
            if self._keep is not None:
                yield original

    def _hash_values(self, keys: Sequence[bytes]) -> Iterator[Original]:
        names = (self._source, self._target)
        values = self._read([(b"HMGET", key, *names) for key in keys])
        expiries: Sequence[Any] = [(-1, -1)] * len(keys)
        if self._server.capabilities.has_hash_field_ttl:
            expiries = self._read([(b"HPEXPIRETIME", key, b"FIELDS", 2, *names) for key in keys])
        for key, (old, new), expires in zip(keys, values, expiries, strict=True):
            old_expires_at, new_expires_at = map(_digits, expires)
            yield Original(key, old, new, old_expires_at, new_expires_at, self._keep_bytes)

    def _json_values(self, keys: Sequence[bytes]) -> Iterator[Original]:
        texts = self._read([(b"JSON.GET", key, path) for key in keys for path in (self._source, self._target)])
        for place, key in enumerate(keys):
            old, new = (None if text in {None, b"[]"} else text[1:-1] for text in texts[2 * place : 2 * place + 2])
            yield Original(key, old, new, keep=self._keep_bytes)

    @property
    def _keep_bytes(self) -> bytes | None:
        return self._keep.encode() if self._keep is not None else None

    def _read(self, commands: Sequence[Command]) -> list[Any]:
        replies = self._server.bulk(commands) if commands else []
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise reply
        return replies


def _kind(reply: Any) -> bytes | None:
    """Return the type from JSON.TYPE, in RESP2 or RESP3; ``field`` for a field that HEXISTS finds."""
    if isinstance(reply, ResponseError):
        raise reply
    while isinstance(reply, list):
        reply = reply[0] if reply else None
    kind: bytes | None = b"field" if reply == 1 else reply or None
    return kind


def _digits(expires_at: int) -> bytes | None:
    return b"%d" % expires_at if expires_at > 0 else None
