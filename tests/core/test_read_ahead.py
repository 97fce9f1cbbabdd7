"""Items are made in a thread, one ahead of the caller."""

import threading
from collections.abc import Iterator

import pytest

from fieldfare.support.read_ahead import read_ahead


def test_next_item_is_made_while_the_caller_has_the_current_one() -> None:
    made = [threading.Event() for _ in range(4)]

    def items() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    for number in read_ahead(items()):
        assert made[min(number + 1, 3)].wait(60)
        assert not any(event.is_set() for event in made[number + 2 :])


def test_order_and_thread() -> None:
    threads = []

    def items() -> Iterator[int]:
        for number in range(50):
            threads.append(threading.get_ident())
            yield number

    assert list(read_ahead(items())) == list(range(50))
    assert set(threads).isdisjoint({threading.get_ident()})


def test_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    got = []
    with pytest.raises(ValueError, match="no more"):  # noqa: PT012 - within the loop
        for each in read_ahead(items()):
            got.append(each)  # noqa: PERF402 - it raises after the first one
    assert got == [1]


def test_caller_that_stops_early_leaves_no_thread() -> None:
    before = threading.active_count()
    items = read_ahead(iter(range(10)))
    assert next(items) == 0
    items.close()
    assert threading.active_count() == before
