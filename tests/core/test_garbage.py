"""What a run under an event loop does to Python's garbage collection, and leaves behind of it."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from fieldfare.garbage import old_objects_left_alone


@pytest.fixture(autouse=True)
def nothing_frozen() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_what_was_there_before_is_left_alone_inside() -> None:
    before = len(gc.get_objects())
    with old_objects_left_alone():
        assert gc.get_freeze_count() >= before
        assert len(gc.get_objects()) < before / 10
    assert gc.get_freeze_count() == 0


def test_it_ends_with_the_last_of_several_runs() -> None:
    with old_objects_left_alone():
        with old_objects_left_alone():
            assert gc.get_freeze_count() > 0
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_it_ends_with_a_run_that_fails() -> None:
    with pytest.raises(ValueError, match="half-way"), old_objects_left_alone():
        raise ValueError("half-way")
    assert gc.get_freeze_count() == 0


def test_what_the_program_froze_itself_stays_frozen() -> None:
    made_by_the_program = [object()]
    gc.freeze()
    with old_objects_left_alone():
        pass
    assert not any(each is made_by_the_program for each in gc.get_objects())
