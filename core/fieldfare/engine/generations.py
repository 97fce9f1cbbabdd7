"""What documents had and what became of it: at the dump, and each time that somebody changed them meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum, auto

from attrs import frozen

from fieldfare.definition import Storage
from fieldfare.documents import MISSING, Batch, Column
from fieldfare.engine.foreign import means_one_of
from fieldfare.engine.kept import Kept
from fieldfare.engine.run import Run

__all__ = ["Generation", "Kind", "Origins", "changing_rows", "generations", "origins_of"]


@frozen(hash=False)
class Generation:
    """Documents before and after the transforms; both batches have the same keys."""

    before: Batch
    after: Batch


class Kind(Enum):
    """What a value is, as far as a run can tell."""

    CONVERTED = auto()
    ORIGINAL = auto()
    FOREIGN = auto()


@frozen(hash=False)
class Origins:
    """Where the values of some documents come from.

    Attributes:
        found: what was read.
        originals: what it was made from, or what it is if it was not converted. Of foreign values, the newest
            original that is known; None if there is none, or if the field is gone.
        kinds: field path → what each document's value is; None for a field that is missing.
    """

    found: Batch
    originals: Batch
    kinds: dict[str, list[Kind | None]]

    def rows(self, kind: Kind) -> list[int]:
        """Return the documents that have a value of a kind."""
        return [row for row in range(len(self.found)) if any(kinds[row] is kind for kinds in self.kinds.values())]

    def stale(self, storage: Storage, converted: Batch) -> list[int]:
        """Return the documents with a foreign value that the transforms change; they would leave the new form alone.

        Args:
            storage: of the documents.
            converted: what the transforms make of :meth:`with_foreign`.
        """
        stale: set[int] = set()
        for path, kinds in self.kinds.items():
            values = zip(kinds, self.found[path], converted[path], strict=True)
            stale.update(
                row
                for row, (kind, old, new) in enumerate(values)
                if kind is Kind.FOREIGN and not means_one_of(storage, old, [new])
            )
        return sorted(stale)

    def only(self, kind: Kind) -> Batch:
        """Return the documents that have a value of a kind, without their other values."""
        columns = {
            path: Column.of(
                value if each is kind else None for value, each in zip(self.found[path], kinds, strict=True)
            )
            for path, kinds in self.kinds.items()
        }
        return Batch(self.found.keys, columns).select(self.rows(kind), self.found.columns)

    def with_foreign(self) -> Batch:
        """Return the originals, and foreign values as the originals that they will be."""
        columns = {}
        for path, kinds in self.kinds.items():
            values = zip(self.found[path], self.originals[path], kinds, strict=True)
            columns[path] = Column.of(new if kind is Kind.FOREIGN else old for new, old, kind in values)
        return Batch(self.found.keys, columns)


def generations(run: Run, late: Kept, before: Batch, convert: Callable[[Batch], Batch]) -> list[Generation]:
    """Return all generations of one batch of the backup, the oldest first, each with all of its keys."""
    with run.guard:
        kept = late.of(before.keys)
    return [Generation(each, convert(each)) for each in (before, *kept)]


def origins_of(storage: Storage, found: Batch, known: Sequence[Generation]) -> Origins:
    """Find out where values come from.

    Args:
        storage: of the documents; JSON is compared by meaning, for Redis spells it anew.
        found: what was read.
        known: generations of these documents and maybe others, the oldest first.
    """
    first = known[0]
    if len(known) == 1 and found.keys == first.after.keys and found.columns == first.after.columns:
        kinds = {
            path: [None if length == MISSING else Kind.CONVERTED for length in column.lengths]
            for path, column in found.columns.items()
        }
        return Origins(found, first.before, kinds)
    row_of = {key: row for row, key in enumerate(first.before.keys)}
    rows = [row_of[key] for key in found.keys]
    newest = list(reversed(known))
    columns, kinds = {}, {}
    for path, column in found.columns.items():
        after = [list(each.after[path]) for each in newest]
        before = [list(each.before[path]) for each in newest]
        origins = [
            _origin(storage, value, [each[row] for each in before], [each[row] for each in after])
            for value, row in zip(column, rows, strict=True)
        ]
        columns[path] = Column.of(original for _, original in origins)
        kinds[path] = [kind for kind, _ in origins]
    return Origins(found, Batch(found.keys, columns), kinds)


def _origin(
    storage: Storage, value: bytes | None, before: Sequence[bytes | None], after: Sequence[bytes | None]
) -> tuple[Kind | None, bytes | None]:
    """Return what a value is and its original; the newest generation comes first."""
    newest = next(_present(before), None)
    if value is None:
        return None, newest
    for old, new in zip(before, after, strict=True):
        if means_one_of(storage, value, [new]):
            return Kind.CONVERTED, old
    for old in _present(before):
        if means_one_of(storage, value, [old]):
            return Kind.ORIGINAL, old
    return Kind.FOREIGN, newest


def _present(values: Sequence[bytes | None]) -> Iterator[bytes]:
    return (value for value in values if value is not None)


def changing_rows(storage: Storage, before: Batch, after: Batch) -> list[int]:
    """Return the documents in which the transforms change a value."""
    return [
        row
        for row in range(len(before))
        if any(not means_one_of(storage, column[row], [after[path][row]]) for path, column in before.columns.items())
    ]
