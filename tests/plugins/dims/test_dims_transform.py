"""Truncated vectors, compared with a reference, and the notes on documents."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from fieldfare.documents import Batch, Column
from fieldfare_dims import plugin
from fieldfare_dims.truncation import plan_truncation
from fieldfare_vectors.datatype import DATATYPES
from fieldfare_vectors.truncation_parameters import TruncationParameters
from fieldfare_vectors.values import NUMPY_DTYPES

RANDOM = np.random.default_rng(3)
Reference = Callable[..., NDArray[np.float64]]

ACCURACY = {"float64": 1e-15, "float32": 1e-7, "float16": 1e-3, "bfloat16": 8e-3}
"""Half the distance of two values, relative to them, and a little more."""


def step(datatype: str = "float32", source: int = 4, target: int = 2, **facts: Any) -> TruncationParameters:
    """Build the parameters of a step."""
    known: dict[str, Any] = {"path": "vec", "storage": "hash", "metric": "cosine"} | facts
    return TruncationParameters("vec", datatype=datatype, source=source, target=target, **known)


def truncate(parameters: TruncationParameters, values: list[bytes | None]) -> Batch:
    """Carry a step out on these values."""
    batch = Batch(tuple(b"doc:%d" % row for row in range(len(values))), {"vec": Column.of(values)})
    return plugin.fieldfare_transform(plan_truncation(parameters), batch)


def array(*numbers: float) -> bytes:
    return np.array(numbers, "<f4").tobytes()


def noted(batch: Batch) -> dict[str, tuple[bytes, ...]]:
    return {note.kind: note.keys for note in batch.notes}


@pytest.mark.parametrize("datatype", DATATYPES)
@pytest.mark.parametrize("dims", [1, 7, 31, 32])
def test_vectors_keep_their_direction_as_far_as_it_goes_and_their_length(
    datatype: str, dims: int, reference: Reference
) -> None:
    vectors = (RANDOM.standard_normal((50, 32)) * 10.0 ** RANDOM.integers(-2, 3, (50, 1))).astype(
        NUMPY_DTYPES[datatype]
    )
    batch = truncate(step(datatype, 32, dims), [vector.tobytes() for vector in vectors])
    found = np.array([np.frombuffer(value or b"", NUMPY_DTYPES[datatype]) for value in batch["vec"]])
    assert found.shape == (50, dims)
    atol = 3e-8 if datatype == "float16" else 0  # subnormal
    np.testing.assert_allclose(found.astype(np.float64), reference(vectors, dims), ACCURACY[datatype], atol)
    assert batch.notes == ()


@pytest.mark.parametrize("datatype", [*DATATYPES, "int8", "uint8"])
def test_without_renormalizing_not_a_bit_changes(datatype: str) -> None:
    vectors = RANDOM.integers(0, 255, (20, 16 * NUMPY_DTYPES[datatype].itemsize), np.uint8)
    batch = truncate(step(datatype, 16, 5, renormalize=False), [vector.tobytes() for vector in vectors])
    length = 5 * NUMPY_DTYPES[datatype].itemsize
    assert list(batch["vec"]) == [vector.tobytes()[:length] for vector in vectors]


def test_unit_vectors_stay_unit_vectors() -> None:
    vectors = RANDOM.standard_normal((100, 64))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    batch = truncate(step("float32", 64, 16), [vector.astype("<f4").tobytes() for vector in vectors])
    lengths = [np.linalg.norm(np.frombuffer(value or b"", "<f4").astype(float)) for value in batch["vec"]]
    np.testing.assert_allclose(lengths, 1, rtol=1e-6)


def test_values_are_exact_where_only_zeros_are_dropped() -> None:
    batch = truncate(step(), [array(0.1, 0.7, 0, 0)])
    assert list(batch["vec"]) == [array(0.1, 0.7)]


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_squares_that_no_float_can_hold_do_no_harm(scale: float, reference: Reference) -> None:
    vectors = RANDOM.standard_normal((10, 4))
    batch = truncate(step("float64"), [(vector * scale).tobytes() for vector in vectors])
    found = np.array([np.frombuffer(value or b"") for value in batch["vec"]]) / scale
    np.testing.assert_allclose(found, reference(vectors, 2), rtol=1e-14)


def test_documents_that_need_attention_are_noted() -> None:
    values = [
        array(3, 0, 4, 0),
        array(0, 0, 0, 0),
        array(0, 0, 1, 2),
        array(1, 2),
        b"short",
        None,
        array(1, float("nan"), 1, 1),
        array(1, 1, 1, float("nan")),
        array(float("inf"), 1, 1, 1),
    ]
    batch = truncate(step(), values)
    assert batch["vec"][:6] == [array(5, 0), array(0, 0), array(0, 0), array(1, 2), b"short", None]
    assert noted(batch) == {
        "NaN": (b"doc:6", b"doc:7"),
        "infinity": (b"doc:8",),
        "all zeros": (b"doc:1",),
        "zero after truncation": (b"doc:2",),
        "truncated already": (b"doc:3",),
        "wrong length": (b"doc:4",),
    }
    assert {note.kind for note in batch.notes if note.blocking} == {"NaN", "infinity", "zero after truncation"}
    assert batch["vec"][7] == array(1, 1)
    details = {note.kind: note.detail for note in batch.notes}
    assert (
        details["zero after truncation"]
        == "the first 2 values are all zeros: the truncated vector has no direction, and no cosine"
    )
    assert details["wrong length"] == "not the 16 bytes of a vector: it stays as it is, and Redis will not index it"


def test_zeros_are_nothing_special_without_cosine() -> None:
    batch = truncate(step(metric="l2"), [array(0, 0, 0, 0), array(0, 0, 1, 0)])
    assert noted(batch) == {"zero after truncation": (b"doc:1",)}
    assert not batch.notes[0].blocking


def test_a_value_that_becomes_too_large_is_noted() -> None:
    vectors = np.array([[60000, 1, 60000, 0], [60000, 1, 20000, 0]], "<f2")
    batch = truncate(step("float16"), [vector.tobytes() for vector in vectors])
    assert noted(batch) == {"overflow": (b"doc:0",)}
    assert batch.notes[0].allow == "overflow"
    assert np.frombuffer(batch["vec"][0] or b"", "<f2").tolist() == [65504, np.float16(math.sqrt(2))]


def test_bfloat16_is_read_as_such() -> None:
    vector = np.array([3, 0, 4, 0], ml_dtypes.bfloat16)
    batch = truncate(step("bfloat16"), [vector.tobytes()])
    assert list(batch["vec"]) == [np.array([5, 0], ml_dtypes.bfloat16).tobytes()]


def test_arrays_of_json_documents(reference: Reference) -> None:
    vectors = RANDOM.standard_normal((20, 16))
    batch = truncate(
        step(source=16, target=6, storage="json"), [json.dumps(each).encode() for each in vectors.tolist()]
    )
    found = [json.loads(value or b"") for value in batch["vec"]]
    np.testing.assert_allclose(found, reference(vectors, 6), rtol=1e-14)
    assert batch.notes == ()


def test_json_values_that_are_no_vectors() -> None:
    values = [
        b"[3,0,4,0]",
        b"[1,2]",
        b"[1,2,3]",
        b'"word"',
        b"null",
        None,
        b"[0,0,0,2]",
        b"[true,0,0,0]",
        b"[1,[2],3,4]",
    ]
    batch = truncate(step(storage="json"), values)
    assert json.loads(batch["vec"][0] or b"") == [5, 0]
    assert batch["vec"][1:6] == values[1:6]
    assert batch["vec"][7:] == values[7:]
    assert noted(batch) == {
        "zero after truncation": (b"doc:6",),
        "truncated already": (b"doc:1",),
        "wrong length": (b"doc:2", b"doc:3", b"doc:7", b"doc:8"),
    }
    details = {note.kind: note.detail for note in batch.notes}
    assert details["wrong length"].startswith("not the list of 4 numbers of a vector: it stays as it is")
