"""Moving values within documents: with scripts, or without where Redis forbids them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from redis.exceptions import ResponseError

from fieldfare.definition import Storage
from fieldfare.server import Server
from fieldfare.server.documents import is_wrong_type
from fieldfare.server.script import Call, completed, sent
from fieldfare.server.transaction import forbids_scripts
from fieldfare.wire import Command
from fieldfare_rename import optimistic
from fieldfare_rename.movement import Movement, Outcome
from fieldfare_rename.original import Original
from fieldfare_rename.script import move_calls, restore_calls, unmoved

__all__ = ["Work", "move_values", "restore_originals"]

Work: TypeAlias = Iterable[tuple[Movement, Sequence[bytes]]]
"""Movements, and the keys of the documents that each is for."""


def move_values(server: Server, storage: Storage, batches: Iterable[Work]) -> Iterator[list[tuple[bytes, Outcome]]]:
    """Move values from one place to another within documents, batch after batch.

    Times to live stay: of keys, and of hash fields. No document comes into being. Doing it again changes nothing.
    The next batch is sent before a batch is answered for.

    Args:
        server: where the documents are.
        storage: how they are stored.
        batches: what to do.

    Yields:
        For each batch, the keys of documents whose value was not moved, and what came of each.

    Raises:
        redis.exceptions.ResponseError: the server refused a write; documents may have been written all the same.
        redis.exceptions.ConnectionError: there was no answer; so too here.
    """
    under_way: deque[list[tuple[Movement, Call]]] = deque()

    def commands() -> Iterator[list[Command]]:
        for batch in batches:
            calls = [
                (movement, call) for movement, keys in batch for call in move_calls(server, storage, keys, movement)
            ]
            under_way.append(calls)
            yield [sent(call) for _, call in calls]

    for replies in server.bulk_stream(commands()):
        calls = under_way.popleft()
        others: list[tuple[bytes, Outcome]] = []
        for (movement, call), reply in zip(calls, completed(server, [call for _, call in calls], replies), strict=True):
            if forbids_scripts(reply):
                others += optimistic.move(server, storage, call.keys, movement)
            elif isinstance(reply, ResponseError):
                raise reply
            else:
                others += _moved_after_all(server, storage, movement, list(unmoved(call, reply)))
        yield others


def restore_originals(
    server: Server, storage: Storage, originals: Sequence[Original], source: str, target: str
) -> None:
    """Write back both values of documents that had both, where the document still has one of them.

    Raises:
        redis.exceptions.RedisError: as for :func:`move_values`.
    """
    if not originals:
        return
    calls = restore_calls(storage, originals, source, target)
    replies = completed(server, calls, server.bulk([sent(call) for call in calls]))
    if any(map(forbids_scripts, replies)):
        replies = optimistic.restore(server, storage, originals, source, target)
    for reply in replies:
        if isinstance(reply, ResponseError) and not is_wrong_type(reply):
            raise reply


def _moved_after_all(
    server: Server, storage: Storage, movement: Movement, answers: Sequence[tuple[bytes, Outcome]]
) -> list[tuple[bytes, Outcome]]:
    """Move numbers that Redis reads otherwise than it writes them: scripts cannot spell them anew."""
    misread = [key for key, outcome in answers if outcome is Outcome.MISREAD]
    others = [each for each in answers if each[1] is not Outcome.MISREAD]
    return [*others, *optimistic.move(server, storage, misread, movement)] if misread else others
