"""A few documents of a live index, for plugins to look at while a plan is made."""

from __future__ import annotations

import heapq
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Protocol

from attrs import evolve, frozen

from fieldfare.server.documents import read_documents
from fieldfare.server.keys import iterate_keys
from fieldfare.transformation import transformed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fieldfare.definition import Snapshot, Storage
    from fieldfare.documents import Batch
    from fieldfare.plan import Step
    from fieldfare.plugins import Plugins
    from fieldfare.server import Server

__all__ = ["AfterSteps", "Sampler", "Sampling", "draw"]

BATCH: Final = 500

ENUMERATED: Final = 5000
"""Keys that are read at a time."""

SEED: Final = 1
"""Draws the documents that plugins look at."""


def draw(keys: Iterable[bytes], count: int, seed: int) -> list[bytes]:
    """Draw keys by lot: the same ones, in the same order, whatever the order in which they come.

    The order of a server's answers says when documents were written, or changes when it is started anew.

    Args:
        keys: in any order; a scan may give one twice.
        count: how many at most. Memory grows with this, not with the number of keys.
        seed: another one draws other keys.
    """
    salt = seed.to_bytes(8)

    def lot(key: bytes) -> bytes:
        return blake2b(key, digest_size=8, salt=salt).digest()

    return list(dict.fromkeys(heapq.nsmallest(count, keys, key=lot)))


class Sampling(Protocol):
    """Gives documents, field by field."""

    def __call__(self, fields: Sequence[str], limit: int, /) -> Sequence[Batch]:
        """Return up to ``limit`` documents, always the same ones, with these fields as columns."""


class Sampler:
    """Reads documents as they are now, whatever fields are asked for.

    They are spread over the whole index: the documents that were written first say little about the others.
    """

    def __init__(self, server: Server, snapshot: Snapshot) -> None:
        self._server = server
        self._snapshot = snapshot
        self._keys: list[bytes] = []
        self._drawn = 0

    def __call__(self, fields: Sequence[str], limit: int, /) -> list[Batch]:
        """Read some documents."""
        definition = self._snapshot.definition
        if self._drawn < limit:
            found = iterate_keys(self._server, definition, self._snapshot.stats, ENUMERATED)
            self._keys = draw((key for batch in found for key in batch), limit, SEED)
            self._drawn = limit
        keys = self._keys[:limit]
        chunks = [keys[start : start + BATCH] for start in range(0, len(keys), BATCH)]
        return [read_documents(self._server, definition.storage, chunk, list(fields))[0] for chunk in chunks]


@frozen(eq=False)
class AfterSteps:
    """Gives documents as rewrite steps will leave them.

    Attributes:
        sample: gives them as they are before.
        plugins: who transforms.
        storage: how the documents are stored.
        steps: rewrite steps, in order.
    """

    sample: Sampling
    plugins: Plugins
    storage: Storage
    steps: tuple[Step, ...]

    def __call__(self, fields: Sequence[str], limit: int, /) -> list[Batch]:
        """Read some documents, and transform what is asked for of them."""
        wanted = dict.fromkeys(fields)
        steps: list[Step] = []
        for step in reversed(self.steps):
            if not wanted.keys().isdisjoint(step.fields):
                wanted |= dict.fromkeys(step.fields)
                steps.insert(0, step)
        batches = self.sample(list(wanted), limit)
        done = (transformed(self.plugins, self.storage, steps, batch) for batch in batches)
        return [evolve(batch, columns={name: batch[name] for name in fields}, notes=()) for batch in done]
