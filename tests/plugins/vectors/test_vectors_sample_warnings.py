"""Notes on vectors that can hide others from every query."""

from __future__ import annotations

import pytest

from fieldfare.documents import Note
from fieldfare_vectors.sample_warnings import count_vectors_that_hide_others


@pytest.mark.parametrize(
    ("note", "count"),
    [
        (Note("all zeros", "v", 2), 2),
        (Note("underflow", "v", 2, blocking=True), 2),
        (Note("underflow", "v", 2), 0),
        (Note("zero after truncation", "v", 2, blocking=True), 2),
        (Note("nothing left", "v", 2, blocking=True), 2),  # as version 0.1 wrote it
        (Note("all zeros", "other", 2), 0),
    ],
)
def test_only_vectors_that_disturb_queries_of_the_field_are_counted(note: Note, count: int) -> None:
    assert count_vectors_that_hide_others([note], "v") == count
