"""Values that were saved to the backup during a run or its rollback, found again by key."""

from __future__ import annotations

from collections.abc import Sequence

from fieldfare.backup import BackupStore
from fieldfare.documents import Batch, Column

__all__ = ["SavedValues"]


class SavedValues:
    """The batches that the backup holds under a tag; the documents of one always belong to one batch of the dump.

    Memory: one key for each saved batch.

    Args:
        store: the backup.
        tag: the tag of the values.
    """

    def __init__(self, store: BackupStore, tag: str) -> None:
        self._store = store
        self.tag = tag
        self._numbers: dict[bytes, list[int]] = {}
        self._count = 0
        for batch in store.iter_batches(tag):
            self._add_to_index(batch)

    def append(self, batch: Batch) -> None:
        """Save a batch durably; it must not be empty."""
        self._store.append(self.tag, batch)
        self._store.sync()
        self._add_to_index(batch)

    def find(self, keys: Sequence[bytes]) -> list[Batch]:
        """Return what was saved for the documents of one batch, with all of its keys in order; the oldest first."""
        numbers = sorted(number for key in keys for number in self._numbers.get(key, ()))
        return [_spread(next(iter(self._store.iter_batches(self.tag, number))), keys) for number in numbers]

    def _add_to_index(self, batch: Batch) -> None:
        self._numbers.setdefault(batch.keys[0], []).append(self._count)
        self._count += 1


def _spread(batch: Batch, keys: Sequence[bytes]) -> Batch:
    """Return a row for each of these keys; without values where the batch has no such document."""
    row_of = {key: row for row, key in enumerate(batch.keys)}
    rows = [row_of.get(key) for key in keys]
    columns = {
        path: Column.of(None if row is None else column[row] for row in rows) for path, column in batch.columns.items()
    }
    return Batch(tuple(keys), columns)
