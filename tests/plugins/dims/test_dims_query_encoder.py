"""Queries are truncated as documents are."""

from __future__ import annotations

import numpy as np
import pytest

from fieldfare.documents import Batch, Column
from fieldfare.errors import UsageError
from fieldfare_dims import encode_query
from fieldfare_dims.truncation import truncate_batch
from fieldfare_vectors.datatype import DATATYPES
from fieldfare_vectors.truncation_parameters import TruncationParameters
from fieldfare_vectors.values import NUMPY_DTYPES


@pytest.mark.parametrize("renormalize", [True, False])
@pytest.mark.parametrize("datatype", DATATYPES)
def test_a_query_becomes_what_a_document_becomes(datatype: str, *, renormalize: bool) -> None:
    vector = np.random.default_rng(2).standard_normal(32).astype(NUMPY_DTYPES[datatype])
    parameters = TruncationParameters("v", "v", "hash", datatype, 32, 12, "cosine", renormalize)
    (document,) = truncate_batch(parameters, Batch((b"d:1",), {"v": Column.of([vector.tobytes()])}))["v"]
    assert encode_query(vector, 12, datatype=datatype, renormalize=renormalize) == document
    assert encode_query(vector.astype(float).tolist(), 12, datatype=datatype, renormalize=renormalize) == document


@pytest.mark.parametrize(
    ("vector", "dims", "datatype", "message"),
    [
        ([1.0, 2.0], 3, "float32", r"A vector of the shape \(2,\) cannot be truncated to 3 dims"),
        ([1.0, 2.0], 0, "float32", "cannot be truncated to 0 dims"),
        ([[1.0, 2.0]], 1, "float32", r"the shape \(1, 2\)"),
        ([1.0, float("nan")], 1, "float32", "NaN or infinity"),
        ([1.0, 2.0], 1, "int8", "its codes need a plan"),
        ([1.0, 2.0], 1, "float8", "Redis has no such datatype"),
    ],
)
def test_what_cannot_be_truncated_is_an_error(vector: list[float], dims: int, datatype: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        encode_query(vector, dims, datatype=datatype)
