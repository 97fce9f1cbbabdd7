"""Vectors out of documents, hash or JSON, as numbers of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldfare.definition import Storage
from fieldfare.engine.vector import pack
from fieldfare_vectors.datatype import width_of
from fieldfare_vectors.values import native

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from fieldfare.documents import Column

__all__ = ["as_queries", "read_vectors", "unsound_rows"]


def read_vectors(column: Column, storage: Storage, datatype: str, dims: int) -> tuple[Sequence[int], NDArray[Any]]:
    """Read the vectors of a column as an index of this datatype has them.

    Args:
        column: bytes of hash fields, or the text of JSON values.
        storage: which of them.
        datatype: of the index.
        dims: values of one vector.

    Returns:
        The rows that hold a vector of this length, and the vectors: rows of ``dims`` values.
    """
    length = width_of(datatype) * dims
    if storage is Storage.HASH and column.lengths.count(length) == len(column):
        return range(len(column)), native(column.block, datatype).reshape(-1, dims)
    found = [
        (row, vector)
        for row, vector in enumerate(as_queries(column, storage, datatype, dims))
        if vector is not None and len(vector) == length
    ]
    vectors = native(b"".join(vector for _, vector in found), datatype)
    return [row for row, _ in found], vectors.reshape(len(found), dims)


def unsound_rows(column: Column, storage: Storage, datatype: str, dims: int) -> list[int]:
    """Return the rows that hold a vector with NaN or an infinity; arguments as those of :func:`read_vectors`.

    Under some metrics they come first in every answer.
    """
    rows, vectors = read_vectors(column, storage, datatype, dims)
    finite: NDArray[np.bool_] = np.all(np.isfinite(vectors.astype(np.float64)), axis=1, keepdims=False)
    return [row for row, sound in zip(rows, finite.tolist(), strict=True) if not sound]


def as_queries(column: Column, storage: Storage, datatype: str, dims: int) -> Sequence[bytes | None]:
    """Return each row's vector as the bytes that a query takes; None where there is none.

    Those of hashes are given as they are, of whatever length.
    """
    return column[:] if storage is Storage.HASH else [pack(value, dims, datatype) for value in column]
