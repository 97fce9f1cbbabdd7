"""Whole documents in the backup: the value of a key, as Redis dumps it, and when it expires."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from fieldfare.backup import REMOVED_ORIGINALS
from fieldfare.documents import Batch, Column
from fieldfare.engine.run import ActiveRun
from fieldfare.server.pipeline import checked

__all__ = ["DUMP", "EXPIRES", "save_values", "saved_values"]

DUMP: Final = "dump"
EXPIRES: Final = "expires"
"""The columns of such a batch; the time is in milliseconds since the epoch, 0 for never."""

VALUES_AT_ONCE: Final = 50
"""How many values are read in one call."""

MOST_BYTES: Final = 16 * 1024 * 1024
"""About how many bytes of values are in memory at once."""


def save_values(run: ActiveRun, keys: Sequence[bytes], tag: str) -> Iterator[list[bytes]]:
    """Save the values of keys to the backup, and yield them again as soon as they are on disk.

    A key that is gone is left out.

    Args:
        run: the run.
        keys: any number.
        tag: the tag of the batches.

    Raises:
        redis.exceptions.ResponseError: the server refused.
    """
    values: list[tuple[bytes, bytes, bytes]] = []
    size = 0
    for start in range(0, len(keys), VALUES_AT_ONCE):
        read = _read(run, keys[start : start + VALUES_AT_ONCE])
        values += read
        size += sum(len(dump) for _, dump, _ in read)
        if size >= MOST_BYTES:
            yield _save(run, values, tag)
            values, size = [], 0
    if values:
        yield _save(run, values, tag)


def saved_values(run: ActiveRun) -> Iterator[Batch]:
    """Yield the values of removed keys, the latest ones first; a key may come more than once."""
    store = run.store
    for number in reversed(range(store.count(REMOVED_ORIGINALS))):
        yield next(iter(store.iter_batches(REMOVED_ORIGINALS, number)))


def _read(run: ActiveRun, keys: Sequence[bytes]) -> list[tuple[bytes, bytes, bytes]]:
    replies = run.server.bulk([command for key in keys for command in ((b"DUMP", key), (b"PEXPIRETIME", key))])
    rows = zip(keys, map(checked, replies[::2]), map(checked, replies[1::2]), strict=True)
    return [(key, dump, b"%d" % max(expires, 0)) for key, dump, expires in rows if dump is not None]


def _save(run: ActiveRun, values: Sequence[tuple[bytes, bytes, bytes]], tag: str) -> list[bytes]:
    keys, dumps, expiries = zip(*values, strict=True)
    with run.guard:
        run.store.append(tag, Batch(tuple(keys), {DUMP: Column.of(dumps), EXPIRES: Column.of(expiries)}))
        run.store.sync()
    return list(keys)
