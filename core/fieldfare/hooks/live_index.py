"""The live index that plugins get while a plan is made."""

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
    """A live index, with the previous changes of the same plan applied.

    Attributes:
        definition: the source's definition with all previous changes applied.
        snapshot: the current state of the index on the server.
        server: the capabilities of the server.
        overlapping_indexes: other live indexes that cover some of the same keys.
        sample: ``sample(fields, limit)`` reads up to ``limit`` documents, chosen at random from the whole index with a
            fixed seed; a smaller sample is the beginning of a larger one. It returns batches with these field paths as
            columns, under the current names of the documents, with the values that the transforms of previous changes
            will produce.
        other_indexes: all other live indexes, including those that do not overlap.
        count: ``count(prefix)`` counts the documents of this index's storage type with a prefix, indexed or not. It
            scans the keyspace.
        patch: the patch as the user wrote it (plain YAML values).
        options: the user's options for this plan, by name: ``min_recall``, ``accept_recall_loss``,
            ``allow_document_expiry``, ``prefer``.
        unreadable_indexes: the other indexes, or parts of them, that the user may not read, one line each.
        previous_changes: the changes before this one in the same plan, with their claims.
    """

    definition: IndexDefinition
    snapshot: Snapshot
    server: Capabilities
    overlapping_indexes: tuple[IndexDefinition, ...]
    sample: Callable[[Sequence[str], int], Sequence[Batch]]
    other_indexes: tuple[IndexDefinition, ...] = ()
    count: Callable[[str], int] = field(default=lambda _: 0)
    patch: Mapping[str, Any] = field(factory=dict)
    options: Mapping[str, Any] = field(factory=dict)
    unreadable_indexes: tuple[str, ...] = ()
    previous_changes: tuple[ClaimedChange, ...] = ()

    def after(self, change: Change) -> LiveIndex:
        """Return the index with this change applied."""
        return evolve(self, definition=apply_change(self.definition, change))
