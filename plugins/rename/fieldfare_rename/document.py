"""Moving values within documents: with scripts, or without where Redis forbids them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeAlias, TypeVar

from redis.exceptions import ResponseError

from fieldfare.definition import Storage
from fieldfare.server import Server
from fieldfare.server.conditional_write import is_wrong_type
from fieldfare.server.nodes import HeldLock
from fieldfare.server.script import ScriptCall, evalsha_command, resend_unknown_scripts
from fieldfare.server.script_stream import stream_scripts
from fieldfare.server.transaction import forbids_scripts
from fieldfare_rename import transaction_move
from fieldfare_rename.movement import Movement, Outcome
from fieldfare_rename.original import Original
from fieldfare_rename.script import move_calls, restore_calls, unmoved_keys

__all__ = ["MoveBatch", "move_values", "restore_originals"]

MoveBatch: TypeAlias = Iterable[tuple[Movement, Sequence[bytes]]]
"""Movements, each with the keys of its documents."""

T = TypeVar("T")


def move_values(
    server: Server, storage: Storage, batches: Iterable[tuple[T, MoveBatch]], lock: HeldLock | None = None
) -> Iterator[tuple[T, list[tuple[bytes, Outcome]]]]:
    """Move values from one place to another within documents, batch after batch.

    TTLs of keys and of hash fields are kept. No document is created. Moving twice changes nothing.
    The next batch is sent before the replies to a batch are read.

    Args:
        server: the server of the documents.
        storage: how they are stored.
        batches: the movements, each batch with a label.
        lock: on the index; nothing more is moved once it is lost.

    Yields:
        The label of each batch, with the keys of documents whose value was not moved, each with its outcome.

    Raises:
        redis.exceptions.ResponseError: the server refused a write; some documents may be written.
        redis.exceptions.ConnectionError: the connection was lost; some documents may be written.
    """

    def prepared(labelled: tuple[T, MoveBatch]) -> tuple[T, list[tuple[Movement, ScriptCall]]]:
        label, batch = labelled
        return label, [
            (movement, call) for movement, keys in batch for call in move_calls(server, storage, keys, movement)
        ]

    def read(movement: Movement, call: ScriptCall, reply: Any) -> Sequence[tuple[bytes, Outcome]]:
        return _move_changed_numbers(server, storage, movement, list(unmoved_keys(call, reply)))

    def without_script(movement: Movement, call: ScriptCall) -> Sequence[tuple[bytes, Outcome]]:
        return transaction_move.move(server, storage, call.keys, movement)

    for label, unmoved in stream_scripts(server, map(prepared, batches), read, without_script, lock):
        yield label, list(chain.from_iterable(unmoved))


def restore_originals(
    server: Server, storage: Storage, originals: Sequence[Original], source: str, target: str
) -> None:
    """Restore both values of documents that had both names, if the document still has one of them.

    Raises:
        redis.exceptions.RedisError: as for :func:`move_values`.
    """
    if not originals:
        return
    calls = restore_calls(storage, originals, source, target)
    replies = resend_unknown_scripts(server, calls, server.bulk([evalsha_command(call) for call in calls]))
    if any(map(forbids_scripts, replies)):
        replies = transaction_move.restore(server, storage, originals, source, target)
    for reply in replies:
        if isinstance(reply, ResponseError) and not is_wrong_type(reply):
            raise reply


def _move_changed_numbers(
    server: Server, storage: Storage, movement: Movement, outcomes: Sequence[tuple[bytes, Outcome]]
) -> list[tuple[bytes, Outcome]]:
    """Move numbers that Redis does not read back unchanged: a script cannot write them with more digits."""
    changed = [key for key, outcome in outcomes if outcome is Outcome.NUMBER_CHANGED]
    unmoved = [each for each in outcomes if each[1] is not Outcome.NUMBER_CHANGED]
    return [*unmoved, *transaction_move.move(server, storage, changed, movement)] if changed else unmoved
