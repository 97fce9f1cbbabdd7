"""Captured documents that are no longer documents of the index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from fieldfare.definition import Storage
from fieldfare.documents import KeyCounter
from fieldfare.server.permissions import require_allowed

if TYPE_CHECKING:
    from fieldfare.hooks.run import Run

__all__ = ["MissingDocuments", "find_missing_documents"]

TYPES: Final = {Storage.HASH: b"hash", Storage.JSON: b"ReJSON-RL"}


@frozen(hash=False)
class MissingDocuments:
    """Captured documents that are no longer documents of the index.

    Attributes:
        deleted: those that are gone: deleted, or expired.
        replaced: those whose key holds something else now.
    """

    deleted: KeyCounter = field(factory=KeyCounter)
    replaced: KeyCounter = field(factory=KeyCounter)

    @property
    def count(self) -> int:
        """How many they are together."""
        return self.deleted.count + self.replaced.count


def find_missing_documents(run: Run) -> MissingDocuments:
    """Look for every captured document under the name that its key has after the migration."""
    found = MissingDocuments()
    if not run.has_backup:
        return found
    wanted = TYPES[run.source.storage]
    for keys in run.captured_keys():
        names = [run.plan.moved(key) for key in keys] if run.plan.moves_keys else keys
        kinds = require_allowed(run.server, [(b"TYPE", name) for name in names])
        found.deleted.add(key for key, kind in zip(keys, kinds, strict=True) if kind == b"none")
        found.replaced.add(key for key, kind in zip(keys, kinds, strict=True) if kind not in (b"none", wanted))
    return found
