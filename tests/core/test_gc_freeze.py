"""A run on an event loop freezes Python's garbage collection, and unfreezes it afterwards."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from fieldfare.support.gc_freeze import frozen_gc


@pytest.fixture(autouse=True)
def nothing_frozen() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_objects_that_exist_before_are_frozen_inside() -> None:
    before = len(gc.get_objects())
    with frozen_gc():
        assert gc.get_freeze_count() >= before
        assert len(gc.get_objects()) < before / 10
    assert gc.get_freeze_count() == 0


def test_it_ends_with_the_last_of_several_runs() -> None:
    with frozen_gc():
        with frozen_gc():
            assert gc.get_freeze_count() > 0
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_it_ends_with_a_run_that_fails() -> None:
    with pytest.raises(ValueError, match="half-way"), frozen_gc():
        raise ValueError("half-way")
    assert gc.get_freeze_count() == 0


def test_objects_that_the_program_froze_stay_frozen() -> None:
    made_by_the_program = [object()]
    gc.freeze()
    with frozen_gc():
        pass
    assert not any(each is made_by_the_program for each in gc.get_objects())
