"""Values that were found in documents and went to the backup, found again by key."""

from __future__ import annotations

from collections.abc import Sequence

from fieldfare.backup import BackupStore
from fieldfare.documents import Batch, Column

__all__ = ["Kept"]


class Kept:
    """What the backup holds under a tag, batch by batch; the documents of a batch are always of one shard's batch.

    Memory: one key for each batch that was kept.

    Args:
        store: the backup.
        tag: of the values.
    """

    def __init__(self, store: BackupStore, tag: str) -> None:
        self._store = store
        self.tag = tag
        self._numbers: dict[bytes, list[int]] = {}
        self._count = 0
        for batch in store.iter_batches(tag):
            self._remember(batch)

    def append(self, batch: Batch) -> None:
        """Keep a batch durably; it must not be empty."""
        self._store.append(self.tag, batch)
        self._store.sync()
        self._remember(batch)

    def of(self, keys: Sequence[bytes]) -> list[Batch]:
        """Return what is kept of the documents of one batch, with all of its keys in order; the oldest comes first."""
        numbers = sorted(number for key in keys for number in self._numbers.get(key, ()))
        return [_spread(next(iter(self._store.iter_batches(self.tag, number))), keys) for number in numbers]

    def _remember(self, batch: Batch) -> None:
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
