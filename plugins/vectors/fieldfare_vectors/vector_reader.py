"""Read vectors of hash or JSON documents into numpy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fieldfare.definition import Storage
from fieldfare.server.knn import pack
from fieldfare_vectors.datatype import width_of
from fieldfare_vectors.values import from_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from fieldfare.documents import Column

__all__ = ["find_non_finite_rows", "read_query_vectors", "read_vectors"]


def read_vectors(column: Column, storage: Storage, datatype: str, dims: int) -> tuple[Sequence[int], NDArray[Any]]:
    """Read the vectors of a column as an index of this datatype has them.

    Args:
        column: bytes of hash fields, or the text of JSON values.
        storage: which of them.
        datatype: the datatype of the index.
        dims: values of one vector.

    Returns:
        The rows that hold a vector of this length, and the vectors: rows of ``dims`` values.
    """
    length = width_of(datatype) * dims
    if storage is Storage.HASH and column.lengths.count(length) == len(column):
        return range(len(column)), from_bytes(column.block, datatype).reshape(-1, dims)
    found = [
        (row, vector)
        for row, vector in enumerate(read_query_vectors(column, storage, datatype, dims))
        if vector is not None and len(vector) == length
    ]
    vectors = from_bytes(b"".join(vector for _, vector in found), datatype)
    return [row for row, _ in found], vectors.reshape(len(found), dims)


def find_non_finite_rows(column: Column, storage: Storage, datatype: str, dims: int) -> list[int]:
    """Return the rows whose vector has NaN or an infinity; arguments as those of :func:`read_vectors`.

    Under some metrics Redis puts such vectors first in every result.
    """
    rows, vectors = read_vectors(column, storage, datatype, dims)
    finite: NDArray[np.bool_] = np.all(np.isfinite(vectors.astype(np.float64)), axis=1, keepdims=False)
    return [row for row, is_finite in zip(rows, finite.tolist(), strict=True) if not is_finite]


def read_query_vectors(column: Column, storage: Storage, datatype: str, dims: int) -> Sequence[bytes | None]:
    """Return each row's vector as the bytes that a query takes; None for a row without a vector.

    Vectors of hashes are returned as they are, whatever their length.
    """
    return column[:] if storage is Storage.HASH else [pack(value, dims, datatype) for value in column]
