"""Samples of a live index's documents, for plugins, while a plan is made."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING, Final, Protocol
from zlib import crc32

from attrs import evolve, frozen

from fieldfare.engine.transformation import transformed
from fieldfare.server.document_reader import read_bounded_batches, trial_reads
from fieldfare.server.keys import iterate_keys
from fieldfare.server.permissions import require_allowed
from fieldfare.server.refusal import trial_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fieldfare.definition import Snapshot, Storage
    from fieldfare.documents import Batch
    from fieldfare.hooks.manager import Plugins
    from fieldfare.plan import Step
    from fieldfare.server import Server

__all__ = ["DocumentSampler", "SampleDocuments", "TransformedSampler", "sample_keys"]

DOCUMENT_BATCH: Final = 500

KEY_BATCH: Final = 5000
"""Keys per round trip while all keys are listed."""

KEPT_KEYS: Final = 5000
"""How many keys are drawn for any sample of documents: a larger sample of the same plan needs no second listing."""

SEED: Final = 1
"""Seed of the samples that plugins get."""

HIGHEST_RANK: Final = (1 << 32) - 1
"""The largest rank; a mask that is much faster than a remainder."""

SCATTER: Final = 0x9E3779B1
"""Makes ranks of checksums: those of similar keys are similar (https://en.wikipedia.org/wiki/Hash_function)."""


def sample_keys(keys: Iterable[bytes], count: int, seed: int) -> list[bytes]:
    """Return a random sample of keys. The sample and its order do not depend on the order of the keys.

    The order in which a server returns keys depends on when documents were written, or changes with a restart.

    Args:
        keys: in any order; a scan may yield a key twice.
        count: maximum size of the sample. Memory grows with it, not with the number of keys.
        seed: the seed of the sample.
    """
    chosen: list[tuple[int, bytes]] = []
    last = HIGHEST_RANK + 1 if count else 0
    rest = iter(keys)
    while some := list(islice(rest, KEY_BATCH)):
        chosen += [(rank, key) for key in some if (rank := crc32(key, seed) * SCATTER & HIGHEST_RANK) < last]
        if len(chosen) > 2 * count:  # sorted seldom, for it takes longer than the rest
            chosen = sorted(set(chosen))[:count]
            if len(chosen) == count:
                last = chosen[-1][0] + 1  # keys may share a rank
    return [key for _, key in sorted(set(chosen))[:count]]


class SampleDocuments(Protocol):
    """Returns a sample of documents."""

    def __call__(self, fields: Sequence[str], limit: int, /) -> Sequence[Batch]:
        """Return up to ``limit`` documents with these fields as columns; always the same documents."""


class DocumentSampler:
    """Samples documents as they are now.

    The sample covers the whole index, because the documents that were written first may differ from the rest.

    Attributes:
        key_count: how many keys were listed for it; 0 before.
    """

    def __init__(self, server: Server, snapshot: Snapshot) -> None:
        self.key_count = 0
        self._server = server
        self._snapshot = snapshot
        self._keys: list[bytes] = []
        self._limit = 0

    def __call__(self, fields: Sequence[str], limit: int, /) -> list[Batch]:
        """Read the sample."""
        definition = self._snapshot.definition
        require_allowed(self._server, trial_reads(definition.storage, trial_keys(definition.prefixes)))
        keys = self.keys(max(limit, KEPT_KEYS))[:limit]
        chunks = [keys[start : start + DOCUMENT_BATCH] for start in range(0, len(keys), DOCUMENT_BATCH)]
        return [batch for batch, _ in read_bounded_batches(self._server, definition.storage, chunks, list(fields))]

    def keys(self, limit: int) -> list[bytes]:
        """Return the keys of the sample. All keys are listed for the first, and for every larger, sample."""
        if self._limit < limit:
            self._keys = sample_keys(chain.from_iterable(self._listed()), limit, SEED)
            self._limit = limit
        return self._keys[:limit]

    def _listed(self) -> Iterator[list[bytes]]:
        self.key_count = 0
        for keys in iterate_keys(self._server, self._snapshot.definition, self._snapshot.stats, KEY_BATCH):
            self.key_count += len(keys)
            yield keys


@frozen(eq=False)
class TransformedSampler:
    """Samples documents as rewrite steps will transform them.

    Attributes:
        sample: returns the documents before these steps.
        plugins: the owners of the steps.
        storage: how the documents are stored.
        steps: rewrite steps, in order.
    """

    sample: SampleDocuments
    plugins: Plugins
    storage: Storage
    steps: tuple[Step, ...]

    def __call__(self, fields: Sequence[str], limit: int, /) -> list[Batch]:
        """Read the sample, and run the steps that affect these fields."""
        needed = dict.fromkeys(fields)
        steps: list[Step] = []
        for step in reversed(self.steps):
            if not needed.keys().isdisjoint(step.fields):
                needed |= dict.fromkeys(step.fields)
                steps.insert(0, step)
        batches = self.sample(list(needed), limit)
        done = (transformed(self.plugins, self.storage, steps, batch) for batch in batches)
        return [evolve(batch, columns={name: batch[name] for name in fields}, notes=()) for batch in done]
