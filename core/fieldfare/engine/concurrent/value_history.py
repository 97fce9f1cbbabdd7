"""The versions of documents' values: at the dump, after each concurrent update, and what each was converted to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum, auto

from attrs import frozen

from fieldfare.definition import Storage
from fieldfare.documents import MISSING, Batch, Column
from fieldfare.engine.concurrent.external_values import equals_any
from fieldfare.engine.concurrent.saved_values import SavedValues
from fieldfare.engine.run import ActiveRun
from fieldfare.errors import PluginError

__all__ = [
    "ValueOrigins",
    "ValueState",
    "ValueVersion",
    "changing_rows",
    "find_origins",
    "transformed_if_possible",
    "value_versions",
]


@frozen(hash=False)
class ValueVersion:
    """The values of some documents before and after the transforms; both batches have the same keys."""

    before: Batch
    after: Batch


class ValueState(Enum):
    """Where a value comes from: a run wrote it, a run saved it, or neither."""

    CONVERTED = auto()
    ORIGINAL = auto()
    EXTERNAL = auto()


@frozen(hash=False)
class ValueOrigins:
    """Where the values of some documents come from.

    Attributes:
        found: what was read.
        originals: what a value was converted from, or itself if it is an original. For external values, the newest
            known original; None if there is none, or if the field is gone.
        states: field path → the state of each document's value; None for a field that is missing.
    """

    found: Batch
    originals: Batch
    states: dict[str, list[ValueState | None]]

    def rows(self, state: ValueState) -> list[int]:
        """Return the documents that have a value in a state."""
        return [row for row in range(len(self.found)) if any(states[row] is state for states in self.states.values())]

    def stale(self, storage: Storage, converted: Batch) -> list[int]:
        """Return the documents with an external value that the transforms change, so that it has to be converted.

        Args:
            storage: the storage of the documents.
            converted: what the transforms make of :meth:`with_external`.
        """
        stale: set[int] = set()
        for path, states in self.states.items():
            values = zip(states, self.found[path], converted[path], strict=True)
            stale.update(
                row
                for row, (state, old, new) in enumerate(values)
                if state is ValueState.EXTERNAL and not equals_any(storage, old, [new])
            )
        return sorted(stale)

    def only(self, state: ValueState) -> Batch:
        """Return the documents that have a value in a state, without their other values."""
        columns = {
            path: Column.of(
                value if each is state else None for value, each in zip(self.found[path], states, strict=True)
            )
            for path, states in self.states.items()
        }
        return Batch(self.found.keys, columns).select(self.rows(state), self.found.columns)

    def with_external(self) -> Batch:
        """Return the originals, with external values in their place: they are the originals from now on."""
        columns = {}
        for path, states in self.states.items():
            values = zip(self.found[path], self.originals[path], states, strict=True)
            columns[path] = Column.of(new if state is ValueState.EXTERNAL else old for new, old, state in values)
        return Batch(self.found.keys, columns)


def value_versions(
    run: ActiveRun, saved: SavedValues, before: Batch, convert: Callable[[Batch], Batch]
) -> list[ValueVersion]:
    """Return all versions of one batch of the backup, the oldest first, each with all of its keys."""
    with run.guard:
        later = saved.find(before.keys)
    return [ValueVersion(each, convert(each)) for each in (before, *later)]


def find_origins(storage: Storage, found: Batch, known: Sequence[ValueVersion]) -> ValueOrigins:
    """Find out where values come from.

    Args:
        storage: the storage of the documents; JSON is compared by meaning, for Redis spells it again.
        found: what was read.
        known: versions of these documents and maybe others, the oldest first.
    """
    first = known[0]
    if len(known) == 1 and found.keys == first.after.keys and found.columns == first.after.columns:
        states = {
            path: [None if length == MISSING else ValueState.CONVERTED for length in column.lengths]
            for path, column in found.columns.items()
        }
        return ValueOrigins(found, first.before, states)
    row_of = {key: row for row, key in enumerate(first.before.keys)}
    rows = [row_of[key] for key in found.keys]
    newest = list(reversed(known))
    columns, states = {}, {}
    for path, column in found.columns.items():
        after = [list(each.after[path]) for each in newest]
        before = [list(each.before[path]) for each in newest]
        origins = [
            _origin(storage, value, [each[row] for each in before], [each[row] for each in after])
            for value, row in zip(column, rows, strict=True)
        ]
        columns[path] = Column.of(original for _, original in origins)
        states[path] = [state for state, _ in origins]
    return ValueOrigins(found, Batch(found.keys, columns), states)


def _origin(
    storage: Storage, value: bytes | None, before: Sequence[bytes | None], after: Sequence[bytes | None]
) -> tuple[ValueState | None, bytes | None]:
    """Return the state of a value and its original; the newest version comes first."""
    newest = next(_present(before), None)
    if value is None:
        return None, newest
    for old, new in zip(before, after, strict=True):
        if equals_any(storage, value, [new]):
            return ValueState.CONVERTED, old
    for old in _present(before):
        if equals_any(storage, value, [old]):
            return ValueState.ORIGINAL, old
    return ValueState.EXTERNAL, newest


def _present(values: Sequence[bytes | None]) -> Iterator[bytes]:
    return (value for value in values if value is not None)


def changing_rows(storage: Storage, before: Batch, after: Batch) -> list[int]:
    """Return the documents in which the transforms change a value."""
    return [
        row
        for row in range(len(before))
        if any(not equals_any(storage, column[row], [after[path][row]]) for path, column in before.columns.items())
    ]


def transformed_if_possible(run: ActiveRun, before: Batch) -> Batch:
    """Return what the rewrite steps make of originals; the originals themselves if a plugin fails."""
    try:
        return run.transformed(before)
    except PluginError:
        return before
