"""Documents that the target covers and that were not captured: added during the run, or not covered before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from tempfile import TemporaryFile
from typing import IO, Final
from zlib import crc32

import msgpack

from fieldfare.definition import FieldType, IndexDefinition, IndexStats
from fieldfare.hooks.run import Run
from fieldfare.server.inspect import read_stats
from fieldfare.server.keys import iterate_keys

__all__ = ["failing_documents", "failures_expected", "find_new_documents", "has_failed"]

MOST_KEYS: Final = 250_000
"""How many captured keys are in memory at a time."""


def find_new_documents(run: Run, gone: int) -> Iterator[Sequence[bytes]]:
    """Yield the keys of the target's documents that are not in the backup, a batch at a time.

    Nothing is scanned where the index has as many documents as are left of the captured ones, and none failed.

    Args:
        run: with a target that is live.
        gone: how many captured documents are no longer there.
    """
    stats = read_stats(run.server, run.target.name)
    before = run.source_stats
    known = sum(len(batch) for batch in run.concurrent_inserts())
    # a FILTER may read the names of keys: then other documents than before may be as many
    is_comparable = not run.plan.moves_keys or run.target.filter is None
    if is_comparable and stats.num_docs == before.num_docs - gone + known and not has_failed(stats):
        return
    with TemporaryFile(prefix="fieldfare-find_new_documents-") as found:
        for keys in iterate_keys(run.server, run.target, stats, run.options.batch_size):
            found.write(msgpack.packb(keys))
        yield from _without_captured(run, found)


def has_failed(stats: IndexStats) -> bool:
    """Whether some document could not be indexed, so that a scan has to find out which.

    Even if all failures were there before: the server counts attempts, not documents, so a new one may be among them.
    """
    return stats.hash_indexing_failures > 0


def failures_expected(run: Run, expired: int) -> int:
    """Return how many attempts to index a document may have failed without anything being wrong.

    Args:
        run: the run.
        expired: how many captured documents have expired: a scan finds them for a while, and cannot read them.
    """
    source = run.source_stats
    before = source.hash_indexing_failures + expired
    if run.has_backup:
        # each may have failed once, before it was converted
        before += sum(map(len, chain(run.concurrent_inserts(), run.concurrent_updates())))
        before += _not_tried(run)
    # synonyms start a second scan behind that of FT.CREATE, in which a document may fail once more
    return before * 2 if run.plan.source.synonyms else before


def failing_documents(run: Run) -> int:
    """Return how many captured documents may not be in the index without anything being wrong."""
    return run.source_stats.hash_indexing_failures + _not_tried(run)


def _not_tried(run: Run) -> int:
    """Return how many captured documents the old index never tried: it did not scan them (SKIPINITIALSCAN)."""
    return max(0, run.document_count - _tried(run.source, run.source_stats))


def _tried(definition: IndexDefinition, stats: IndexStats) -> int:
    """Return how many documents an index has tried to index, at least.

    The server counts a document whose shape it cannot read (GEOSHAPE) as one of the index all the same.
    """
    has_shapes = any(each.type is FieldType.GEOSHAPE for each in definition.fields)
    return stats.num_docs + (0 if has_shapes else stats.hash_indexing_failures)


def _without_captured(run: Run, found: IO[bytes]) -> Iterator[Sequence[bytes]]:
    """Yield what was not captured; the keys are compared in parts, by checksum, so that memory is bounded."""
    parts = run.document_count // MOST_KEYS + 1
    for part in range(parts):
        captured = {
            key
            for keys in chain(run.captured_keys(), (batch.keys for batch in run.concurrent_inserts()))
            for key in run.plan.moved_keys(keys)
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
