"""What plugins get, and give, when the documents of an index are examined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.definition import IndexDefinition, Snapshot
    from fieldfare.documents import Batch
    from fieldfare.report import Finding
    from fieldfare.server import Server

__all__ = ["ExaminedIndex", "Examiner"]


@frozen(hash=False)
class ExaminedIndex:
    """A live index whose documents are about to be read.

    Attributes:
        snapshot: the index as the server describes it.
        server: where it is, for commands that read.
        document_count: how many documents it holds.
        is_sample: whether only some of its documents are read, drawn at random.
    """

    snapshot: Snapshot
    server: Server
    document_count: int
    is_sample: bool

    @property
    def definition(self) -> IndexDefinition:
        """The definition of the index."""
        return self.snapshot.definition


class Examiner(Protocol):
    """Looks at documents, a batch at a time, and says what it found.

    Its memory must not grow with the number of documents.
    """

    @property
    def paths(self) -> Sequence[str]:
        """The fields that it looks at, by their paths in documents."""

    def add(self, batch: Batch, unindexed: frozenset[bytes]) -> None:
        """Look at some documents.

        Args:
            batch: documents, with the fields that any examiner looks at.
            unindexed: keys of those that are not in the index although they have its prefix.
        """

    def findings(self) -> Sequence[Finding]:
        """Return what was found, after the last batch."""
