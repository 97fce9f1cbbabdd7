"""Originals of a step that are not documents: each is a batch of one row, whose key is the original's name."""

from __future__ import annotations

from typing import Final

from fieldfare.backup.store import BackupStore
from fieldfare.definition.reply import encode
from fieldfare.documents import Batch, Column

__all__ = ["append_bytes", "read_bytes"]

TAG: Final = "bytes:"
"""Begins the tag of these batches; the step's id follows."""

COLUMN: Final = "bytes"


def append_bytes(store: BackupStore, step: str, name: str, data: bytes) -> None:
    """Add an original.

    Raises:
        BackupUnusable: it is too large for one frame, or the file cannot be written.
    """
    store.append(f"{TAG}{step}", Batch((encode(name),), {COLUMN: Column.of([data])}))


def read_bytes(store: BackupStore, step: str, name: str) -> bytes | None:
    """Return the first original of this name; None if there is none."""
    found = (batch[COLUMN][0] for batch in store.iter_batches(f"{TAG}{step}") if batch.keys == (encode(name),))
    return next(found, None)
