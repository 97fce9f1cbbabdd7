"""A few documents of a live index, for plugins to look at while a plan is made."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

from attrs import evolve, frozen

from fieldfare.server.documents import read_documents
from fieldfare.server.keys import iterate_keys
from fieldfare.transformation import transformed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.definition import Snapshot, Storage
    from fieldfare.documents import Batch
    from fieldfare.plan import Step
    from fieldfare.plugins import Plugins
    from fieldfare.server import Server

__all__ = ["AfterSteps", "Sampler", "Sampling"]

BATCH: Final = 500


class Sampling(Protocol):
    """Gives documents, field by field."""

    def __call__(self, fields: Sequence[str], limit: int, /) -> Sequence[Batch]:
        """Return up to ``limit`` documents, always the same ones, with these fields as columns."""


class Sampler:
    """Reads documents as they are now, whatever fields are asked for."""

    def __init__(self, server: Server, snapshot: Snapshot) -> None:
        self._server = server
        self._snapshot = snapshot
        self._keys: list[bytes] = []

    def __call__(self, fields: Sequence[str], limit: int, /) -> list[Batch]:
        """Read some documents."""
        definition = self._snapshot.definition
        if len(self._keys) < limit:
            found = iterate_keys(self._server, definition, self._snapshot.stats, BATCH)
            self._keys = list(islice((key for batch in found for key in batch), limit))
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
