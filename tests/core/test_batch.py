"""Columns whose values are made when somebody looks at them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import ref

import pytest

from fieldfare.documents import MISSING, Batch, Column
from fieldfare.errors import InvalidBatch


class Maker:
    """Makes a block, and counts how often."""

    def __init__(self, block: bytes) -> None:
        self.block = block
        self.calls = 0

    def __call__(self) -> bytes:
        """Return the block."""
        self.calls += 1
        return self.block


def test_what_follows_from_lengths_makes_no_values() -> None:
    make = Maker(b"abcd")
    column = Column.deferred(make, (1, MISSING, 3))
    batch = Batch((b"k1", b"k2", b"k3"), {"f": column})
    assert (len(column), column.size, batch.size, column.rows(3)) == (3, 4, 4, [2])
    assert repr(column) == "Column(3 rows, 4 bytes)"
    assert batch.note("odd", "f", [0]).notes[0].count == 1
    assert column != Column.of([b"ab", None, b"cd"]), "other lengths are other values"
    assert make.calls == 0


def test_values_are_made_once() -> None:
    make = Maker(b"abcd")
    column = Column.deferred(make, (1, MISSING, 3))
    assert list(column) == [b"a", None, b"bcd"]
    assert (column[0], column.block, column) == (b"a", b"abcd", Column.of([b"a", None, b"bcd"]))
    assert make.calls == 1


def test_a_batch_can_be_computed_beforehand() -> None:
    make = Maker(b"ab")
    batch = Batch((b"k1",), {"f": Column.deferred(make, (2,))})
    assert batch.computed() is batch
    assert make.calls == 1
    assert batch["f"][0] == b"ab"
    assert make.calls == 1


def test_values_that_do_not_fit_the_lengths() -> None:
    column = Column.deferred(Maker(b"abc"), (1, 1))
    with pytest.raises(InvalidBatch, match="3 bytes for lengths that add up to 2"):
        list(column)


def test_values_are_made_in_a_context_and_without_a_cycle_of_references() -> None:
    entered = []

    @contextmanager
    def context() -> Iterator[None]:
        entered.append(True)
        yield

    makers = [Maker(b"ab"), Maker(b"ab")]
    made = [Column.deferred(make, (2,)) for make in makers]
    for column in made:
        column.make_within(context)
    assert not entered
    assert made[0][0] == b"ab"
    assert entered == [True]
    gc.disable()
    try:
        kept = ref(makers.pop())
        del column, made
        assert kept() is None, "what nobody needs any more is free at once, without a search for cycles"
    finally:
        gc.enable()
