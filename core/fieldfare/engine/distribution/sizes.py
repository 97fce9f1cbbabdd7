"""How many shards there are for workers in other processes: many more than workers, so that a slow one matters less."""

from __future__ import annotations

from typing import Final

from fieldfare.backup.shards import split_evenly

__all__ = ["shard_count", "shard_ranges"]

SHARD_BYTES: Final = 64 << 20
"""Originals of one shard: some seconds of work."""

DOCUMENT_BYTES: Final = 1024
"""Of a document whose size is not known."""

FOR_EACH_WORKER: Final = 4
"""The least number of shards for each worker."""

MOST_SHARDS: Final = 4096
"""The journal counts the batches of each."""


def shard_ranges(batches: int, *, batch_size: int, document_bytes: int, workers: int) -> list[range]:
    """Split batches of keys among shards: ranges in order, of nearly equal length.

    Args:
        batches: how many there are.
        batch_size: documents of each.
        document_bytes: bytes of the originals of one document; 0 if they are not known.
        workers: how many there are.
    """
    return split_evenly(batches, shard_count(batches * batch_size * (document_bytes or DOCUMENT_BYTES), workers))


def shard_count(size: int, workers: int) -> int:
    """Return how many shards there are, if there are enough batches.

    Args:
        size: bytes of all originals.
        workers: how many there are.
    """
    return min(max(-(-size // SHARD_BYTES), workers * FOR_EACH_WORKER), MOST_SHARDS)
