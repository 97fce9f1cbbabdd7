"""Samples of a live index's documents, for plugins, while a plan is made."""

from __future__ import annotations

from functools import cached_property
from itertools import chain, islice
from math import inf
from typing import TYPE_CHECKING, Final, Protocol
from zlib import crc32

from attrs import evolve, frozen
from redis.exceptions import RedisError

from fieldfare.engine.transformation import transformed
from fieldfare.server.document_reader import read_bounded_batches, trial_reads
from fieldfare.server.keys import count_keys, iterate_keys
from fieldfare.server.permissions import require_allowed
from fieldfare.server.refusal import optional, trial_keys

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

LISTED_KEYS: Final = 2 * KEPT_KEYS
"""How many keys are listed for a sample if the server has no other keys than documents: SCAN follows a hash of them."""

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
        key_count: how many keys the prefixes of the index have, once keys were listed; 0 before.
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
        """Return the keys of the sample; a smaller one is the beginning of a larger one. Each larger one lists keys."""
        if self._limit < limit:
            listed = sample_keys(chain.from_iterable(self._listed(limit)), limit, SEED)
            self._keys = list(dict.fromkeys([*self._keys, *listed]))[:limit]
            self._limit = limit
        return self._keys[:limit]

    def count(self, prefix: str) -> int:
        """Count the keys of the index's storage type below a prefix."""
        apart = not any(prefix.startswith(own) or own.startswith(prefix) for own in self._snapshot.definition.prefixes)
        if apart and self._is_all_documents:
            return 0
        return count_keys(self._server, self._snapshot.definition.storage, prefix)

    def _listed(self, limit: int) -> Iterator[list[bytes]]:
        """Yield keys, some at a time; not all of them if the server has nothing but documents and some suffice."""
        self.key_count = 0
        definition, documents = self._snapshot.definition, self._snapshot.stats.num_docs
        some_suffice = limit <= KEPT_KEYS < documents and len(definition.prefixes) == 1  # one is listed after the other
        enough = LISTED_KEYS if some_suffice and self._is_all_documents and self._may_scan else inf
        for keys in iterate_keys(self._server, definition, self._snapshot.stats, KEY_BATCH):
            self.key_count += len(keys)
            yield keys
            if self.key_count >= enough:
                self.key_count = documents
                break

    @cached_property
    def _is_all_documents(self) -> bool:
        """Whether each key of the server is a document of the index, as far as that can be told."""
        if self._server.capabilities.cluster or self._snapshot.definition.filter is not None:
            return False
        try:
            return int(self._server.command("DBSIZE")) <= self._snapshot.stats.num_docs
        except RedisError:
            return False

    @property
    def _may_scan(self) -> bool:
        """Whether keys are listed by a scan: the index lists those first that it indexed first."""
        return optional(lambda: bool(require_allowed(self._server, [("SCAN", 0, "COUNT", 1)])), otherwise=False)


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
