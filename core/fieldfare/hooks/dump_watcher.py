"""What ``fieldfare_watch_dump`` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fieldfare.documents import Batch

__all__ = ["DumpWatcher"]


class DumpWatcher(Protocol):
    """Looks at originals while they are read, and saves what it has found."""

    def add(self, batch: Batch) -> None:
        """Take documents with the fields of all rewrite steps, as they are. Never called by two threads at a time.

        It may call ``run.save``.
        """

    def save(self) -> None:
        """Write to the backup what was found; every document was taken."""
