"""What documents have at the place that a value moves to, before it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import define, field
from redis.exceptions import ResponseError

from fieldfare.definition import Storage
from fieldfare.documents import EXAMPLES
from fieldfare.server import Server
from fieldfare.server.documents import is_wrong_type
from fieldfare.wire import Command, encode
from fieldfare_rename.movement import Keep
from fieldfare_rename.original import Original
from fieldfare_rename.rename import Rename, containers

__all__ = ["Survey", "Tally"]


@define
class Tally:
    """Documents of one kind: how many, and the keys of a few."""

    count: int = 0
    keys: list[bytes] = field(factory=list)

    def add(self, key: bytes) -> None:
        """Count a document."""
        self.count += 1
        if len(self.keys) < EXAMPLES:
            self.keys.append(key)

    def __str__(self) -> str:
        """Say it as the subject of a sentence."""
        shown = ", ".join(key.decode("utf-8", "backslashreplace") for key in self.keys)
        return f"{self.count:,} {'document' if self.count == 1 else 'documents'} ({shown})"


class Survey:
    """Looks at batches of documents, and counts those that are not simply moved. Only reads.

    Args:
        server: where the documents are.
        storage: how they are stored.
        rename: what moves.
        keep: what stays where both names are there; None if the user did not say.
        freed: whether an earlier step of the same plan empties the target: what is there now does not count.

    Attributes:
        both: documents with both names.
        only_new: documents with the new name alone.
        no_room: documents whose value has no place: something that is no object is where one is needed.
    """

    def __init__(self, server: Server, storage: Storage, rename: Rename, *, keep: Keep | None, freed: bool) -> None:
        self.both, self.only_new, self.no_room = Tally(), Tally(), Tally()
        self._server, self._storage = server, storage
        self._keep = keep
        self._source, self._target = encode(rename.source), encode(rename.target)
        self._containers = [encode(path) for path in containers(rename.source, rename.target, storage)]
        self._freed = freed

    def commands(self, keys: Sequence[bytes]) -> list[Command]:
        """Return the commands that ask about some documents."""
        ask = b"HEXISTS" if self._storage is Storage.HASH else b"JSON.TYPE"
        return [(ask, key, path) for key in keys for path in self._paths]

    def originals(self, keys: Sequence[bytes], replies: Sequence[Any]) -> list[Original]:
        """Return what has to be remembered of some documents; ``replies`` are those to :meth:`commands`."""
        taken: list[bytes] = []
        blocked: list[bytes] = []
        found: list[Original] = []
        width = len(self._paths)
        for place, key in enumerate(keys):
            answers = replies[place * width : (place + 1) * width]
            if any(map(is_wrong_type, answers)):
                continue
            target, *around = [None] * self._freed + list(map(_kind, answers))
            if target is not None:
                taken.append(key)
            elif any(kind not in {None, b"object"} for kind in around):
                blocked.append(key)
            elif None in around:
                found.append(Original(key, created=b"%d" % around.count(None)))
        self._count_no_room(blocked)
        return [*found, *self._read(taken)]

    @property
    def _paths(self) -> list[bytes]:
        return [*([] if self._freed else [self._target]), *self._containers]

    def _count_no_room(self, keys: Sequence[bytes]) -> None:
        for key, reply in zip(keys, self._ask([(b"JSON.TYPE", key, self._source) for key in keys]), strict=True):
            if _kind(reply) is not None:
                self.no_room.add(key)

    def _read(self, keys: Sequence[bytes]) -> Iterator[Original]:
        """Yield the documents that have the new name; with both values, where it is known which one stays."""
        read = self._hash_values if self._storage is Storage.HASH else self._json_values
        for original in read(keys):
            if original.old is None or original.new is None:
                self.only_new.add(original.key)
                yield Original(original.key)
                continue
            self.both.add(original.key)
            if self._keep is not None:
                yield original

    def _hash_values(self, keys: Sequence[bytes]) -> Iterator[Original]:
        names = (self._source, self._target)
        values = self._ask([(b"HMGET", key, *names) for key in keys])
        expiries: Sequence[Any] = [(-1, -1)] * len(keys)
        if self._server.capabilities.has_hash_field_ttl:
            expiries = self._ask([(b"HPEXPIRETIME", key, b"FIELDS", 2, *names) for key in keys])
        for key, (old, new), expires in zip(keys, values, expiries, strict=True):
            old_expires_at, new_expires_at = map(_digits, expires)
            yield Original(key, old, new, old_expires_at, new_expires_at, self._kept)

    def _json_values(self, keys: Sequence[bytes]) -> Iterator[Original]:
        texts = self._ask([(b"JSON.GET", key, path) for key in keys for path in (self._source, self._target)])
        for place, key in enumerate(keys):
            old, new = (None if text in {None, b"[]"} else text[1:-1] for text in texts[2 * place : 2 * place + 2])
            yield Original(key, old, new, keep=self._kept)

    @property
    def _kept(self) -> bytes | None:
        return self._keep.encode() if self._keep is not None else None

    def _ask(self, commands: Sequence[Command]) -> list[Any]:
        replies = self._server.bulk(commands) if commands else []
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise reply
        return replies


def _kind(reply: Any) -> bytes | None:
    """Return the type that JSON.TYPE tells, in RESP2 or RESP3, or a word for a field that HEXISTS finds."""
    if isinstance(reply, ResponseError):
        raise reply
    while isinstance(reply, list):
        reply = reply[0] if reply else None
    kind: bytes | None = b"field" if reply == 1 else reply or None
    return kind


def _digits(expires_at: int) -> bytes | None:
    return b"%d" % expires_at if expires_at > 0 else None
