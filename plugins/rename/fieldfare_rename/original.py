"""Documents that are saved in the backup, because moving the value back does not restore them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import frozen

from fieldfare.documents import Batch, Column
from fieldfare_rename.movement import Keep

__all__ = ["Original"]

_COLUMNS: Final = ("old", "new", "old_expires_at", "new_expires_at", "keep", "created")


@frozen
class Original:
    """A document that has the new name before the migration, or lacks a parent object of it.

    Attributes:
        key: the key of the document.
        old: the value under the old name, if both names exist.
        new: the value under the new name, if both names exist.
        old_expires_at: when the hash field ``old`` expires, in milliseconds since the epoch, as digits.
        new_expires_at: the same for ``new``.
        keep: which value is kept, if both names exist. Chosen once; resuming uses the same choice.
        created: how many parent objects of the new name have to be created, as digits.
    """

    key: bytes
    old: bytes | None = None
    new: bytes | None = None
    old_expires_at: bytes | None = None
    new_expires_at: bytes | None = None
    keep: bytes | None = None
    created: bytes | None = None

    @property
    def keep_choice(self) -> Keep | None:
        """Which value is kept; None unless both names exist."""
        return Keep(self.keep.decode()) if self.keep else None

    @property
    def had_new_name_only(self) -> bool:
        """Whether the document had the new name and not the old one before the migration."""
        return self.keep is None and self.created is None

    @staticmethod
    def to_batch(originals: Sequence[Original]) -> Batch:
        """Return them as a batch for the backup."""
        columns = {name: Column.of(getattr(original, name) for original in originals) for name in _COLUMNS}
        return Batch(tuple(original.key for original in originals), columns)

    @staticmethod
    def from_batch(batch: Batch) -> Iterator[Original]:
        """Yield the documents of a batch from the backup."""
        for key, *values in zip(batch.keys, *(batch[name] for name in _COLUMNS), strict=True):
            yield Original(key, **dict(zip(_COLUMNS, values, strict=True)))
