"""Batches of documents, stored in columns: the input and output of transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from itertools import accumulate
from typing import Final, TypeAlias, overload

from attrs import evolve, field, frozen

from fieldfare.documents.note import EXAMPLES, Note
from fieldfare.errors import InvalidBatch

__all__ = ["MISSING", "Batch", "Column"]

MISSING: Final = -1
"""The length recorded for a document that does not have the field."""


Block: TypeAlias = bytes | bytearray | memoryview

COPIED_BYTES: Final = 4 << 20
"""How many bytes of a block are copied at most, to work on bytes instead of a view of them."""


class Column(Sequence[bytes | None]):
    """The values of one field over a batch, in one contiguous block.

    Args:
        block: all present values, one after the other.
        lengths: bytes of each row's value, ``MISSING`` for a document without the field.

    Attributes:
        lengths: the same.
        size: bytes of the block.

    Raises:
        InvalidBatch: the lengths do not add up to the block.
    """

    __slots__ = ("_block", "_make", "_offsets", "lengths", "size")

    def __init__(self, block: Block, lengths: Sequence[int]) -> None:
        self._set_lengths(lengths)
        self._make: Callable[[], Block] | None = None
        self._block = _fitting(block, self.size)

    def _set_lengths(self, lengths: Sequence[int]) -> None:
        self.lengths = tuple(lengths)
        self._offsets: tuple[int, ...] | None = None
        self.size = sum(length for length in self.lengths if length != MISSING)

    @classmethod
    def deferred(cls, make: Callable[[], Block], lengths: Sequence[int]) -> Column:
        """Build a column whose values are made when somebody looks at them first.

        In the rehearsal of a migration nobody does, so a transform that knows the lengths and the notes without the
        values saves their computation there.

        Args:
            make: returns the block; called once at most. It must not fail, and what it works on must not change.
            lengths: as of the class.
        """
        column = cls(b"", ())
        column._set_lengths(lengths)
        column._make = partial(_made, make, column.size, nullcontext)
        return column

    def make_within(self, context: Callable[[], AbstractContextManager[object]]) -> None:
        """Have the values of a :meth:`deferred` column made in a context: it can say whose errors these are."""
        if self._make is not None:
            # no reference to the column itself: its memory is to be free as soon as nobody has it
            self._make = partial(_made, self._make, self.size, context)

    @property
    def block(self) -> Block:
        """All present values, one after the other.

        Raises:
            InvalidBatch: it is :meth:`deferred`, and does not have the bytes that the lengths say.
            Exception: what making the values raised.
        """
        make = self._make
        if make is not None:
            self._block, self._make = make(), None
        return self._block

    @classmethod
    def of(cls, values: Iterable[bytes | None]) -> Column:
        """Build a column from one value per row, None for a missing one.

        Raises:
            InvalidBatch: a value is neither bytes nor None.
        """
        rows = list(values)
        try:
            block = b"".join(row for row in rows if row is not None)
        except TypeError as error:
            raise InvalidBatch("a value is neither bytes nor None") from error
        return cls(block, [MISSING if row is None else len(row) for row in rows])

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where each row's value starts in the block."""
        if self._offsets is None:
            self._offsets = tuple(accumulate((max(length, 0) for length in self.lengths), initial=0))
        return self._offsets

    def rows(self, length: int) -> list[int]:
        """Return the rows whose value has exactly this many bytes."""
        return [row for row, each in enumerate(self.lengths) if each == length]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> bytes | None: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[bytes | None]: ...
    def __getitem__(self, index: int | slice) -> bytes | Sequence[bytes | None] | None:
        """Return a row's value, or None where the document lacks the field."""
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        length = self.lengths[index]
        if length == MISSING:
            return None
        start = self.offsets[index if index >= 0 else index + len(self)]
        return bytes(self.block[start : start + length])

    def __iter__(self) -> Iterator[bytes | None]:
        """Iterate over the rows."""
        # slices of bytes are faster, but take a copy of the whole block
        block = self.block if len(self.block) > COPIED_BYTES else bytes(self.block)
        start = 0
        for length in self.lengths:
            if length == MISSING:
                yield None
            else:
                yield bytes(block[start : start + length])
                start += length

    def __eq__(self, other: object) -> bool:
        """Compare by content."""
        if not isinstance(other, Column):
            return NotImplemented
        return self.lengths == other.lengths and all(
            bytes(self.block[start : start + COPIED_BYTES]) == bytes(other.block[start : start + COPIED_BYTES])
            for start in range(0, len(self.block), COPIED_BYTES)
        )

    __hash__ = None  # type: ignore[assignment]  # a value with a mutable-sized payload, compared by content

    def __repr__(self) -> str:
        """Show the shape, never the data."""
        return f"Column({len(self.lengths)} rows, {self.size} bytes)"


def _made(make: Callable[[], Block], size: int, context: Callable[[], AbstractContextManager[object]]) -> Block:
    with context():
        return _fitting(make(), size)


def _fitting(block: Block, size: int) -> Block:
    if len(block) != size:
        message = f"{len(block)} bytes for lengths that add up to {size}"
        raise InvalidBatch(message)
    return block


@frozen(hash=False)
class Batch:
    """Some documents and some of their fields.

    Attributes:
        keys: the documents' keys, as bytes.
        columns: field path → values, one row per key.
        notes: what transforms reported about these documents.
    """

    keys: tuple[bytes, ...]
    columns: Mapping[str, Column] = field(factory=dict)
    notes: tuple[Note, ...] = ()

    def __len__(self) -> int:
        """Return the number of documents."""
        return len(self.keys)

    @property
    def size(self) -> int:
        """How many bytes its values have."""
        return sum(column.size for column in self.columns.values())

    def __getitem__(self, name: str) -> Column:
        """Return the column of a field.

        Raises:
            KeyError: the step did not declare this field.
        """
        return self.columns[name]

    def replace(self, name: str, values: Column | Iterable[bytes | None]) -> Batch:
        """Return a copy in which a field has new values, one per document.

        None keeps the value that the document had: say why with :meth:`note`.

        Raises:
            KeyError: the step did not declare this field.
            InvalidBatch: not one value per document.
        """
        old = self.columns[name]
        new = values if isinstance(values, Column) else Column.of(values)
        if len(new) != len(self.keys):
            message = f"{len(new)} values for {len(self.keys)} documents in field {name!r}"
            raise InvalidBatch(message)
        if MISSING in new.lengths:
            new = Column.of(now if now is not None else before for now, before in zip(new, old, strict=True))
        return evolve(self, columns={**self.columns, name: new})

    def note(  # noqa: PLR0913 - these are the facts of a note
        self,
        kind: str,
        name: str,
        rows: Sequence[int],
        *,
        blocking: bool = False,
        allow: str | None = None,
        detail: str = "",
    ) -> Batch:
        """Return a copy with a note about some of its documents; without rows, the batch itself."""
        if not rows:
            return self
        keys = tuple(self.keys[row] for row in rows[:EXAMPLES])
        note = Note(kind, name, len(rows), keys, blocking, allow, detail)
        return evolve(self, notes=(*self.notes, note))

    def computed(self) -> Batch:
        """Return the same batch, after the values of :meth:`Column.deferred` columns have been made."""
        for column in self.columns.values():
            column.block  # noqa: B018 - makes it
        return self

    def select(self, rows: Sequence[int], names: Iterable[str]) -> Batch:
        """Return only these rows and these fields."""
        return Batch(
            keys=tuple(self.keys[row] for row in rows),
            columns={name: Column.of(self.columns[name][row] for row in rows) for name in names},
        )
