"""Samples of a live index's documents, for plugins, while a plan is made."""

from __future__ import annotations

from functools import cached_property
from itertools import chain
from math import inf
from typing import TYPE_CHECKING, Final, Protocol

from attrs import evolve, frozen

from fieldfare.engine.transformation import transformed
from fieldfare.planning.foreign_keys import may_have_foreign_keys
from fieldfare.planning.key_sample import SEED, sample_keys
from fieldfare.server.document_reader import read_bounded_batches, trial_reads
from fieldfare.server.keys import count_keys, iterate_keys
from fieldfare.server.permissions import require_allowed
from fieldfare.server.refusal import optional, trial_keys

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fieldfare.definition import Snapshot, Storage
    from fieldfare.documents import Batch
    from fieldfare.hooks.manager import Plugins
    from fieldfare.plan import Step
    from fieldfare.planning.shared_listing import SharedListing
    from fieldfare.server import Server

__all__ = ["DocumentSampler", "SampleDocuments", "TransformedSampler"]

DOCUMENT_BATCH: Final = 500

KEY_BATCH: Final = 5000
"""Keys per round trip while all keys are listed."""

KEPT_KEYS: Final = 5000
"""How many keys are drawn for any sample of documents: a larger sample of the same plan needs no second listing."""

LISTED_KEYS: Final = 2 * KEPT_KEYS
"""How many keys are listed for a sample if the server has no other keys than documents: SCAN follows a hash of them."""


class SampleDocuments(Protocol):
    """Returns a sample of documents."""

    def __call__(self, fields: Sequence[str], limit: int, /) -> Sequence[Batch]:
        """Return up to ``limit`` documents with these fields as columns; always the same documents."""


class DocumentSampler:
    """Samples documents as they are now.

    The sample covers the whole index, because the documents that were written first may differ from the rest.

    Args:
        server: the server of the index.
        snapshot: the index.
        listing: one for the keys of several indexes; None to list them for this index alone.

    Attributes:
        key_count: how many keys the prefixes of the index have, once keys were listed; 0 before.
    """

    def __init__(self, server: Server, snapshot: Snapshot, listing: SharedListing | None = None) -> None:
        self.key_count = 0
        self._server = server
        self._snapshot = snapshot
        self._listing = listing
        self._keys: list[bytes] = []
        self._limit = 0

    def __call__(self, fields: Sequence[str], limit: int, /) -> list[Batch]:
        """Read the sample."""
        definition = self._snapshot.definition
        require_allowed(self._server, trial_reads(definition.storage, trial_keys(definition.prefixes)))
        keys = self.keys(limit)
        chunks = [keys[start : start + DOCUMENT_BATCH] for start in range(0, len(keys), DOCUMENT_BATCH)]
        return [batch for batch, _ in read_bounded_batches(self._server, definition.storage, chunks, list(fields))]

    def keys(self, limit: int) -> list[bytes]:
        """Return the keys of the sample; a smaller one is the beginning of a larger one. Each larger one lists keys."""
        if not self._limit and self._listing is not None:
            self._take_drawn(self._listing)
        if self._limit < limit:
            self._limit = max(limit, KEPT_KEYS)
            listed = sample_keys(chain.from_iterable(self._listed(self._limit)), self._limit, SEED)
            self._keys = list(dict.fromkeys([*self._keys, *listed]))[: self._limit]
        return self._keys[:limit]

    def _take_drawn(self, listing: SharedListing) -> None:
        drawn = listing.take(self._snapshot.definition.name)
        if drawn is not None:
            self._keys, self._limit, self.key_count = drawn.keys, drawn.limit, drawn.count

    def count(self, prefix: str) -> int:
        """Count the keys of the index's storage type below a prefix."""
        apart = not any(prefix.startswith(own) or own.startswith(prefix) for own in self._snapshot.definition.prefixes)
        if apart and not self._may_have_foreign_keys:
            return 0
        return count_keys(self._server, self._snapshot.definition.storage, prefix)

    def _listed(self, limit: int) -> Iterator[list[bytes]]:
        """Yield keys, some at a time; not all of them if the server has nothing but documents and some suffice."""
        self.key_count = 0
        definition, documents = self._snapshot.definition, self._snapshot.stats.num_docs
        some_suffice = limit <= KEPT_KEYS < documents and len(definition.prefixes) == 1  # one is listed after the other
        enough = LISTED_KEYS if some_suffice and not self._may_have_foreign_keys and self._may_scan else inf
        for keys in iterate_keys(self._server, definition, self._snapshot.stats, KEY_BATCH):
            self.key_count += len(keys)
            yield keys
            if self.key_count >= enough:
                self.key_count = documents
                break

    @cached_property
    def _may_have_foreign_keys(self) -> bool:
        return may_have_foreign_keys(self._server, self._snapshot)

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
