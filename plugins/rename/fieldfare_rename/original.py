"""What the backup knows of a document that is not simply moved there and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import asdict, frozen

from fieldfare.documents import Batch, Column
from fieldfare_rename.movement import Keep

__all__ = ["Original"]

_COLUMNS: Final = ("old", "new", "old_expires_at", "new_expires_at", "keep", "created")


@frozen
class Original:
    """A document that had the new name already, or lacks an object around it.

    Attributes:
        key: the document's.
        old: the value under the old name, if both are there.
        new: the value under the new name, if both are there.
        old_expires_at: when that hash field expires, in milliseconds since the epoch, as digits.
        new_expires_at: likewise.
        keep: which value stays, if both are there. It is decided once, for every later attempt.
        created: how many objects have to be created around the new name, as digits.
    """

    key: bytes
    old: bytes | None = None
    new: bytes | None = None
    old_expires_at: bytes | None = None
    new_expires_at: bytes | None = None
    keep: bytes | None = None
    created: bytes | None = None

    @property
    def kept(self) -> Keep | None:
        """Which value stays; None unless both are there."""
        return Keep(self.keep.decode()) if self.keep else None

    @property
    def only_new(self) -> bool:
        """Whether the document had the new name and not the old one."""
        return self.keep is None and self.created is None

    @staticmethod
    def to_batch(originals: Sequence[Original]) -> Batch:
        """Return them as a batch for the backup."""
        rows = [asdict(original) for original in originals]
        columns = {name: Column.of(row[name] for row in rows) for name in _COLUMNS}
        return Batch(tuple(original.key for original in originals), columns)

    @staticmethod
    def from_batch(batch: Batch) -> Iterator[Original]:
        """Yield those of a batch from the backup."""
        for key, *values in zip(batch.keys, *(batch[name] for name in _COLUMNS), strict=True):
            yield Original(key, **dict(zip(_COLUMNS, values, strict=True)))
