"""Moving keys from one slot of a cluster to another, whichever nodes own them.

A key is restored under its new name, and only then removed under its old one. Killed in between, it has both
names; the next call finds both with the same content and removes the old one. What somebody writes under the old name
meanwhile is copied in its turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from redis.crc import key_slot
from redis.exceptions import ResponseError

from fieldfare.errors import FieldfareError
from fieldfare.server import Server
from fieldfare_cluster.original import Original, read_originals
from fieldfare_cluster.removal import Removal, remove_unchanged
from fieldfare_cluster.sameness import same_content

__all__ = ["transfer"]

MOST_BYTES: Final = 16 * 1024 * 1024
"""About how much of the values is on its way at once."""

ATTEMPTS: Final = 5
"""How often a key is copied that somebody writes to between our copy and its removal."""

Pair: TypeAlias = tuple[bytes, bytes]


def transfer(server: Server, pairs: Sequence[Pair]) -> list[bool] | None:
    """Move keys with everything that Redis knows of them: value, TTLs of the key and of hash fields, use.

    Args:
        server: a cluster.
        pairs: names before and after.

    Returns:
        Whether each was moved by this call; None if some pair has both names in one slot: RENAMENX does that.

    Raises:
        FieldfareError: a node refused to give or to take a key. Whatever was moved stays moved.
    """
    if any(key_slot(old) == key_slot(new) for old, new in pairs):
        return None
    originals = read_originals(server, [old for old, _ in pairs])
    moved: set[Pair] = set()
    for some in _portions(zip(pairs, originals, strict=True)):
        moved |= _move(server, some)
    return [pair in moved for pair in pairs]


def _portions(keys: Iterable[tuple[Pair, Original | None]]) -> Iterator[dict[Pair, Original]]:
    """Yield keys that are there, so many at a time that they fit into memory."""
    portion: dict[Pair, Original] = {}
    size = 0
    for pair, original in keys:
        if original is None:
            continue
        if portion and size + original.size > MOST_BYTES:
            yield portion
            portion, size = {}, 0
        portion[pair] = original
        size += original.size
    if portion:
        yield portion


def _move(server: Server, originals: dict[Pair, Original]) -> set[Pair]:
    """Move keys, and return those that were; one that is written to meanwhile is copied again, and not lost."""
    moved: set[Pair] = set()
    ours: set[Pair] = set()
    for _ in range(ATTEMPTS):
        copied = _copy(server, originals, ours)
        outcomes = remove_unchanged(server, {old: payload for (old, _), payload in copied.items()})
        moved.update(pair for pair in copied if outcomes[pair[0]] is Removal.REMOVED)
        _unlink(server, [new for old, new in ours if outcomes.get(old) is Removal.GONE])
        left = [pair for pair in copied if outcomes[pair[0]] is Removal.CHANGED and pair in ours]
        if not left:
            break
        found = zip(left, read_originals(server, [old for old, _ in left]), strict=True)
        originals = {pair: original for pair, original in found if original is not None}
    return moved


def _copy(server: Server, originals: dict[Pair, Original], ours: set[Pair]) -> dict[Pair, bytes]:
    """Restore keys under their new names; return those that are there under both with the same content now.

    Args:
        server: the cluster.
        originals: what to copy.
        ours: pairs whose new name this call has made, so that it may be made again; others are added.

    Returns:
        The values that were copied.
    """
    pairs = list(originals)
    payloads = dict(zip(pairs, server.bulk([(b"DUMP", old) for old, _ in pairs]), strict=True))
    pairs = [pair for pair in pairs if payloads[pair] is not None]
    for (old, _), payload in payloads.items():
        if isinstance(payload, ResponseError):
            raise FieldfareError(f"the server refused to give the value of {old!r}: {payload}") from payload
    replies = server.bulk(
        [
            (
                *(b"RESTORE", pair[1], originals[pair].expires_at, payloads[pair], b"ABSTTL"),
                *((b"REPLACE",) if pair in ours else ()),
                *originals[pair].use,
            )
            for pair in pairs
        ]
    )
    busy = [pair for pair, reply in zip(pairs, replies, strict=True) if _is_busy(reply)]
    for (old, new), reply in zip(pairs, replies, strict=True):
        if isinstance(reply, ResponseError) and not _is_busy(reply):
            raise FieldfareError(f"the server refused to restore {old!r} as {new!r}: {reply}") from reply
    foreign = {pair for pair, same in zip(busy, same_content(server, busy), strict=True) if not same}
    ours.update(set(pairs).difference(busy))
    return {pair: payloads[pair] for pair in pairs if pair not in foreign}


def _is_busy(reply: object) -> bool:
    """Whether the new name is taken (https://redis.io/docs/latest/commands/restore/)."""
    return isinstance(reply, ResponseError) and str(reply).startswith("BUSYKEY")


def _unlink(server: Server, keys: Sequence[bytes]) -> None:
    for key, reply in zip(keys, server.bulk([(b"UNLINK", key) for key in keys]), strict=True):
        if isinstance(reply, ResponseError):
            raise FieldfareError(f"the server refused to remove the copy {key!r}: {reply}") from reply
