"""Moving keys from one slot of a cluster to another, whichever nodes own them.

A key is restored under its new name, and only then removed under its old one. After a crash in between both keys
exist; the next call finds that they have the same content and removes the old one. A key that another client changes
before it is removed is copied again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

from attrs import frozen
from redis.crc import key_slot
from redis.exceptions import ResponseError

from fieldfare.errors import FieldfareError
from fieldfare.server import Server
from fieldfare.server.permissions import require_allowed
from fieldfare.server.pipeline import Argument
from fieldfare.server.refusal import TRIAL_KEY
from fieldfare.server.transaction import require_isolation
from fieldfare_cluster.removal import Removal, remove_unchanged

__all__ = ["transfer"]

MOST_BYTES: Final = 16 * 1024 * 1024
"""About how many bytes of values are in memory at once."""

ATTEMPTS: Final = 5
"""How often a key is copied again because another client changed it before its removal."""

Pair: TypeAlias = tuple[bytes, bytes]


@frozen
class KeyMetadata:
    """What Redis knows about a key besides its value.

    Attributes:
        size: bytes of memory.
        expires_at: in milliseconds since the epoch; 0 for never.
        usage: its idle time or access frequency, as arguments of RESTORE.
    """

    size: int
    expires_at: int
    usage: tuple[Argument, ...]


def transfer(server: Server, pairs: Sequence[Pair]) -> list[bool] | None:
    """Move keys with value, TTLs of the key and of hash fields, and idle time or access frequency.

    Args:
        server: a cluster.
        pairs: old and new names.

    Returns:
        Whether each was moved by this call; None if a pair has both names in one slot, where RENAMENX works.

    Raises:
        FieldfareError: a node refused to dump or restore a key. Keys that were moved stay moved.
    """
    if any(key_slot(old) == key_slot(new) for old, new in pairs):
        return None
    _require_rights(server, [key for pair in pairs for key in pair if key.endswith(TRIAL_KEY)])
    metadata = _read_metadata(server, [old for old, _ in pairs])
    moved: set[Pair] = set()
    for batch in _batches(zip(pairs, metadata, strict=True)):
        moved |= _move(server, batch)
    return [pair in moved for pair in pairs]


def _require_rights(server: Server, keys: Sequence[bytes]) -> None:
    """Try every command on keys that do not exist.

    Raises:
        CommandNotAllowed: the user may not run one of them.
    """
    require_allowed(
        server,
        [
            command
            for key in keys
            for command in (
                *((name, key) for name in ("DUMP", "PEXPIRETIME", "TYPE", "UNLINK", "HGETALL")),
                ("RESTORE", key, 0, b"no dump"),
            )
        ],
    )
    if keys:
        require_isolation(server, keys)


def _batches(keys: Iterable[tuple[Pair, KeyMetadata | None]]) -> Iterator[dict[Pair, KeyMetadata]]:
    """Yield the keys that exist, in batches of about ``MOST_BYTES``."""
    batch: dict[Pair, KeyMetadata] = {}
    size = 0
    for pair, metadata in keys:
        if metadata is None:
            continue
        if batch and size + metadata.size > MOST_BYTES:
            yield batch
            batch, size = {}, 0
        batch[pair] = metadata
        size += metadata.size
    if batch:
        yield batch


def _move(server: Server, metadata: dict[Pair, KeyMetadata]) -> set[Pair]:
    """Move keys and return those that were moved; a key that another client changes in between is copied again."""
    moved: set[Pair] = set()
    restored: set[Pair] = set()
    for _ in range(ATTEMPTS):
        copied = _copy(server, metadata, restored)
        outcomes = remove_unchanged(server, {old: payload for (old, _), payload in copied.items()})
        moved.update(pair for pair in copied if outcomes[pair[0]] is Removal.REMOVED)
        _unlink(server, [new for old, new in restored if outcomes.get(old) is Removal.MISSING])
        changed = [pair for pair in copied if outcomes[pair[0]] is Removal.CHANGED and pair in restored]
        if not changed:
            break
        reread = zip(changed, _read_metadata(server, [old for old, _ in changed]), strict=True)
        metadata = {pair: each for pair, each in reread if each is not None}
    return moved


def _copy(server: Server, metadata: dict[Pair, KeyMetadata], restored: set[Pair]) -> dict[Pair, bytes]:
    """Restore keys under their new names.

    Args:
        server: the cluster.
        metadata: the keys to copy.
        restored: pairs whose new key was restored before, and may be replaced; new ones are added.

    Returns:
        The DUMP payload of each pair that now exists under both names with the same content.
    """
    pairs = list(metadata)
    payloads = dict(zip(pairs, server.bulk([(b"DUMP", old) for old, _ in pairs]), strict=True))
    pairs = [pair for pair in pairs if payloads[pair] is not None]
    for (old, _), payload in payloads.items():
        if isinstance(payload, ResponseError):
            raise FieldfareError(f"the server refused to dump {old!r}: {payload}") from payload
    replies = server.bulk(
        [
            (
                *(b"RESTORE", pair[1], metadata[pair].expires_at, payloads[pair], b"ABSTTL"),
                *((b"REPLACE",) if pair in restored else ()),
                *metadata[pair].usage,
            )
            for pair in pairs
        ]
    )
    busy = [pair for pair, reply in zip(pairs, replies, strict=True) if _is_busy(reply)]
    for (old, new), reply in zip(pairs, replies, strict=True):
        if isinstance(reply, ResponseError) and not _is_busy(reply):
            raise FieldfareError(f"the server refused to restore {old!r} as {new!r}: {reply}") from reply
    conflicting = {pair for pair, same in zip(busy, _have_same_content(server, busy), strict=True) if not same}
    restored.update(set(pairs).difference(busy))
    return {pair: payloads[pair] for pair in pairs if pair not in conflicting}


def _is_busy(reply: object) -> bool:
    """Whether the new key exists already (https://redis.io/docs/latest/commands/restore/)."""
    return isinstance(reply, ResponseError) and str(reply).startswith("BUSYKEY")


def _unlink(server: Server, keys: Sequence[bytes]) -> None:
    for key, reply in zip(keys, server.bulk([(b"UNLINK", key) for key in keys]), strict=True):
        if isinstance(reply, ResponseError):
            raise FieldfareError(f"the server refused to remove the copy {key!r}: {reply}") from reply


def _read_metadata(server: Server, keys: Sequence[bytes]) -> list[KeyMetadata | None]:
    """Read metadata of keys, before DUMP changes their idle time or access frequency.

    Returns:
        One for each key, in order; None for a missing key.

    Raises:
        FieldfareError: the server refused to return when a key expires.
    """
    usage = b"FREQ" if "lfu" in server.capabilities.eviction_policy else b"IDLETIME"
    replies = server.bulk(
        [
            command
            for key in keys
            for command in ((b"OBJECT", usage, key), (b"MEMORY", b"USAGE", key), (b"PEXPIRETIME", key))
        ]
    )
    rows = zip(keys, replies[::3], replies[1::3], replies[2::3], strict=True)
    return [_key_metadata(key, usage, count, size, expires_at) for key, count, size, expires_at in rows]


def _key_metadata(key: bytes, usage: bytes, count: Any, size: Any, expires_at: Any) -> KeyMetadata | None:
    if isinstance(expires_at, ResponseError):
        raise FieldfareError(f"the server refused to return when {key!r} expires: {expires_at}") from expires_at
    if expires_at == -2:  # noqa: PLR2004 - no such key (https://redis.io/docs/latest/commands/pexpiretime/)
        return None
    return KeyMetadata(
        size=size if isinstance(size, int) else 0,
        expires_at=max(expires_at, 0),
        # a node with another eviction policy does not keep this figure
        usage=(usage, count) if isinstance(count, int) else (),
    )


def _have_same_content(server: Server, pairs: Sequence[Pair]) -> list[bool]:
    """Return for each pair of keys whether both hold the same value and expire at the same moment.

    Then one is a copy of the other, left by a crash; otherwise they are different keys.
    """
    commands = [
        command for pair in pairs for key in pair for command in ((b"DUMP", key), (b"PEXPIRETIME", key), (b"TYPE", key))
    ]
    replies = server.bulk(commands) if commands else []
    rows = [replies[start : start + 6] for start in range(0, len(replies), 6)]
    return [_is_equal(server, pair, each[:3], each[3:]) for pair, each in zip(pairs, rows, strict=True)]


def _is_equal(server: Server, pair: Pair, first: list[Any], second: list[Any]) -> bool:
    """Compare two keys, each a dump, an expiry and a type; a missing key equals no other."""
    if first[1:] != second[1:] or None in (first[0], second[0]):
        return False
    if first[0] == second[0]:
        return True
    # the fields of a large hash are dumped in an order that depends on the node
    return first[2] == b"hash" and _read_hash(server, pair[0]) == _read_hash(server, pair[1])


def _read_hash(server: Server, key: bytes) -> tuple[dict[bytes, bytes], list[int]]:
    client: Any = server.client
    values: dict[bytes, bytes] = client.hgetall(key)
    names = sorted(values)
    if not names or not server.capabilities.has_hash_field_ttl:
        return values, []
    return values, client.hpexpiretime(key, *names)
