"""Documents that the target covers, and that were not captured: added meanwhile, or covered for the first time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from tempfile import TemporaryFile
from typing import IO, Final
from zlib import crc32

import msgpack

from fieldfare.backup import ADDED, LATE
from fieldfare.definition import IndexStats
from fieldfare.engine.run import Run
from fieldfare.server.inspect import read_stats
from fieldfare.server.keys import iterate_keys

__all__ = ["failures_expected", "has_failed", "newcomers"]

MOST_KEYS: Final = 250_000
"""How many captured keys are in memory at a time."""


def newcomers(run: Run, gone: int) -> Iterator[Sequence[bytes]]:
    """Yield the keys of documents of the target of which the backup has nothing, a batch at a time.

    Nothing is looked up where the index has exactly the documents that are left of the captured ones, and none failed.

    Args:
        run: with a target that is live.
        gone: how many captured documents are no longer there.
    """
    stats = read_stats(run.server, run.target.name)
    before = run.journal.progress.source_stats
    moves = run.plan.moves_keys
    known = sum(len(batch) for batch in run.store.iter_batches(ADDED))
    if not moves and stats.num_docs == before.num_docs - gone + known and not has_failed(stats):
        return
    with TemporaryFile(prefix="fieldfare-newcomers-") as found:
        for keys in iterate_keys(run.server, run.target, stats, run.options.batch_size):
            found.write(msgpack.packb(keys))
        yield from _without_captured(run, found, run.plan.moved if moves else None)


def has_failed(stats: IndexStats) -> bool:
    """Whether some document could not be indexed, so that it is worth a look which one.

    However many failures can be accounted for: the server counts attempts, not documents, so one that nobody knows of
    may be among them.
    """
    return stats.hash_indexing_failures > 0


def failures_expected(run: Run) -> int:
    """Return how many attempts to index a document may have failed without anything being wrong."""
    if not run.has_backup:
        before = run.plan.source.stats.hash_indexing_failures
    else:
        before = run.journal.progress.source_stats.hash_indexing_failures
        # each may have failed once, before it was converted
        before += sum(len(batch) for tag in (ADDED, LATE) for batch in run.store.iter_batches(tag))
    # synonyms start a second scan behind that of FT.CREATE, in which a document may fail once more
    return before * 2 if run.plan.source.synonyms else before


def _without_captured(run: Run, found: IO[bytes], moved: Callable[[bytes], bytes] | None) -> Iterator[Sequence[bytes]]:
    """Yield what was not captured; the keys are looked through in parts, by checksum, so that memory is bounded."""
    parts = run.store.key_count // MOST_KEYS + 1
    for part in range(parts):
        captured = {
            key
            for keys in chain(run.store.iter_keys(), (batch.keys for batch in run.store.iter_batches(ADDED)))
            for key in (map(moved, keys) if moved else keys)
            if crc32(key) % parts == part
        }
        yield from _batches(_uncaptured(found, captured, part, parts), run.options.batch_size)


def _uncaptured(found: IO[bytes], captured: set[bytes], part: int, parts: int) -> Iterator[bytes]:
    found.seek(0)
    for keys in msgpack.Unpacker(found):
        yield from (key for key in keys if crc32(key) % parts == part and key not in captured)


def _batches(keys: Iterable[bytes], size: int) -> Iterator[Sequence[bytes]]:
    iterator = iter(keys)
    while batch := list(islice(iterator, size)):
        yield batch
