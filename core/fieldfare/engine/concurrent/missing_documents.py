"""Captured documents that are no longer documents of the index."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from fieldfare.documents import KeyCounter
from fieldfare.server.key_filter import find_other_replies
from fieldfare.server.keys import TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fieldfare.hooks.run import Run

__all__ = ["MissingDocuments", "find_missing_documents"]

NO_KEY: Final = b"none"
"""What TYPE answers for a key that does not exist."""


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
    """Look for every captured document under the name that its key has after the migration; once in a validation."""
    return run.once("fieldfare: missing documents", lambda: _find(run))


def _find(run: Run) -> MissingDocuments:
    found = MissingDocuments()
    if not run.has_backup:
        return found
    captured: deque[Sequence[bytes]] = deque()

    def names_now() -> Iterator[Sequence[bytes]]:
        for keys in run.captured_keys():
            captured.append(keys)
            yield run.plan.moved_keys(keys)

    for names, others in find_other_replies(run.server, names_now(), "TYPE", usual=TYPES[run.source.storage]):
        pairs = zip(captured.popleft(), names, strict=True)
        gone = [(key, others[name]) for key, name in pairs if name in others] if others else []
        found.deleted.add(key for key, kind in gone if kind == NO_KEY)
        found.replaced.add(key for key, kind in gone if kind != NO_KEY)
    return found
