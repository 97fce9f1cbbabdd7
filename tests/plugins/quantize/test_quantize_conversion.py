"""What the step does to a batch of documents, and what it notes."""

from __future__ import annotations

import numpy as np
import pytest

from fieldfare.documents import Batch, Column
from fieldfare.plan import Step
from fieldfare_quantize import plugin
from fieldfare_quantize.conversion import ConversionParameters, plan_conversion

STEP = plan_conversion(ConversionParameters("vec", "embedding", "float32", "float16", 2))


def batch(**documents: list[float] | bytes | None) -> Batch:
    """Build a batch of documents by key; lists are float32 vectors."""
    values = [np.array(each, "<f4").tobytes() if isinstance(each, list) else each for each in documents.values()]
    titles = Column.of(key.upper().encode() for key in documents)
    return Batch(tuple(map(str.encode, documents)), {"embedding": Column.of(values), "title": titles})


def test_vectors_are_converted_and_other_fields_are_left_alone() -> None:
    before = batch(one=[1, 2], two=[0.5, -3])
    after = plugin.fieldfare_transform(STEP, before)
    assert [np.frombuffer(value or b"", "<f2").tolist() for value in after["embedding"]] == [[1, 2], [0.5, -3]]
    assert after["title"] == before["title"]
    assert after.keys == before.keys
    assert after.notes == ()


def test_the_batch_that_was_given_is_not_changed() -> None:
    before = batch(one=[1, 2])
    original = before["embedding"][0]
    plugin.fieldfare_transform(STEP, before)
    assert before["embedding"][0] == original


@pytest.mark.parametrize(
    ("value", "kind", "detail"),
    [
        ([float("nan"), 1], "NaN", "NaN stays NaN in float16"),
        ([float("-inf"), 1], "infinity", "infinity stays infinity in float16"),
        ([65520, 1], "overflow", "values beyond ±65504 are cut off there in float16"),
    ],
)
def test_values_that_stop_a_run_are_converted_all_the_same(value: list[float], kind: str, detail: str) -> None:
    after = plugin.fieldfare_transform(STEP, batch(good=[1, 2], bad=value))
    (note,) = after.notes
    assert (note.kind, note.field, note.count, note.keys, note.detail) == (kind, "embedding", 1, (b"bad",), detail)
    assert note.blocking
    assert note.allow == "overflow"
    assert after["embedding"].lengths == (4, 4)


@pytest.mark.parametrize(
    ("value", "kind", "detail"),
    [
        (
            b"odd",
            "wrong length",
            "not the 8 bytes of a float32 vector: its bytes are kept, and Redis will not index it",
        ),
        (b"\x00\x3c\x00\x40", "converted already", "looks converted already, to float16: its bytes are kept"),
    ],
)
def test_values_that_are_no_source_vectors_keep_their_bytes(value: bytes, kind: str, detail: str) -> None:
    after = plugin.fieldfare_transform(STEP, batch(good=[1, 2], bad=value))
    (note,) = after.notes
    assert (note.kind, note.keys, note.detail, note.blocking) == (kind, (b"bad",), detail, False)
    assert after["embedding"][1] == value
    assert len(after["embedding"][0] or b"") == 4


def test_a_vector_that_vanishes_is_noted() -> None:
    after = plugin.fieldfare_transform(STEP, batch(tiny=[1e-9, -1e-9], zero=[0, 0], fine=[1e-9, 1]))
    (note,) = after.notes
    assert (note.kind, note.keys, note.blocking) == ("underflow", (b"tiny",), False)
    assert after["embedding"][0] == b"\x00\x00\x00\x80"


def test_documents_without_the_field_stay_without_it() -> None:
    after = plugin.fieldfare_transform(STEP, batch(without=None, with_it=[1, 2]))
    assert after["embedding"][0] is None
    assert after.notes == ()


def test_chained_conversions_compose() -> None:
    widen = plan_conversion(ConversionParameters("vec", "embedding", "float16", "float64", 2))
    after = plugin.fieldfare_transform(widen, plugin.fieldfare_transform(STEP, batch(one=[1, 2])))
    assert np.frombuffer(after["embedding"][0] or b"", "<f8").tolist() == [1, 2]


def test_the_step_says_the_same_on_every_machine() -> None:
    again = plan_conversion(ConversionParameters("vec", "embedding", "float32", "float16", 2))
    other = plan_conversion(ConversionParameters("vec", "embedding", "float32", "bfloat16", 2))
    assert again == STEP
    assert other.id != STEP.id
    assert isinstance(STEP, Step)
    assert STEP.kind == "quantize.convert"
