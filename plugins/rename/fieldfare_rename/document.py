"""Moving values within documents: with scripts, or without where Redis forbids them."""

from __future__ import annotations

from collections.abc import Sequence

from redis.exceptions import NoPermissionError, ResponseError

from fieldfare.definition import Storage
from fieldfare.server import Server
from fieldfare.server.documents import is_wrong_type
from fieldfare_rename import optimistic, script
from fieldfare_rename.movement import Movement, Outcome
from fieldfare_rename.original import Original

__all__ = ["move_values", "restore_originals"]


def move_values(
    server: Server, storage: Storage, keys: Sequence[bytes], movement: Movement
) -> list[tuple[bytes, Outcome]]:
    """Move a value from one place to another in each of these documents.

    Times to live stay: of keys, and of hash fields. No document comes into being. Doing it again changes nothing.

    Args:
        server: where the documents are.
        storage: how they are stored.
        keys: theirs.
        movement: from where to where.

    Returns:
        The keys of documents whose value was not moved, and what came of each.

    Raises:
        redis.exceptions.ResponseError: the server refused a write; documents may have been written all the same.
        redis.exceptions.ConnectionError: there was no answer; so too here.
    """
    if not keys:
        return []
    try:
        return script.move(server, storage, keys, movement)
    except ResponseError as error:
        if not _forbids_scripts(error):
            raise
    return optimistic.move(server, storage, keys, movement)


def restore_originals(server: Server, storage: Storage, originals: Sequence[Original], source: str, target: str) -> int:
    """Write back both values of documents that had both, where the document still has one of them.

    Returns:
        How many documents were written.

    Raises:
        redis.exceptions.RedisError: as for :func:`move_values`.
    """
    if not originals:
        return 0
    replies = script.restore(server, storage, originals, source, target)
    if any(_forbids_scripts(reply) for reply in replies):
        replies = optimistic.restore(server, storage, originals, source, target)
    for reply in replies:
        if isinstance(reply, ResponseError) and not is_wrong_type(reply):
            raise reply
    return replies.count(1)


def _forbids_scripts(reply: object) -> bool:
    """Whether this reply says that the user may not run scripts, or that the server has none."""
    return isinstance(reply, NoPermissionError) or (
        isinstance(reply, ResponseError) and str(reply).lower().startswith("unknown command")
    )
