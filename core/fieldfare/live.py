"""The live index as a plugin sees it while a plan is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from fieldfare.changes import Change, apply_change
from fieldfare.definition import IndexDefinition, Snapshot
from fieldfare.documents import Batch
from fieldfare.plan import ClaimedChange
from fieldfare.server.capabilities import Capabilities

__all__ = ["LiveIndex"]


@frozen(hash=False)
class LiveIndex:
    """A live index, as earlier changes of the same plan will have left it.

    Attributes:
        definition: the virtual definition: the source with all earlier changes applied.
        snapshot: the index as the server has it now.
        server: what this server can do.
        neighbours: other live indexes that cover some of the same keys.
        sample: reads up to ``limit`` documents, drawn by lot from the whole index, always the same ones:
            ``sample(fields, limit)`` gives batches whose columns are these field paths, under the names that
            documents have now, with the values that transforms of earlier changes will have given them.
        others: all other live indexes, whatever they cover.
        count: counts documents of this index's storage below a prefix, in the index or not: ``count(prefix)``.
            Scans the keyspace.
        patch: the request as the user wrote it (plain YAML values).
        options: what the user told plugins for this plan, by name: ``min_recall``, ``accept_recall_loss``.
        earlier: the changes before this one in the same plan, with their claims.
    """

    definition: IndexDefinition
    snapshot: Snapshot
    server: Capabilities
    neighbours: tuple[IndexDefinition, ...]
    sample: Callable[[Sequence[str], int], Sequence[Batch]]
    others: tuple[IndexDefinition, ...] = ()
    count: Callable[[str], int] = field(default=lambda _: 0)
    patch: Mapping[str, Any] = field(factory=dict)
    options: Mapping[str, Any] = field(factory=dict)
    earlier: tuple[ClaimedChange, ...] = ()

    def after(self, change: Change) -> LiveIndex:
        """Return the index as this change will leave it."""
        return evolve(self, definition=apply_change(self.definition, change))
