"""The vectors that a column of documents holds, whatever their storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fieldfare.definition import Storage
from fieldfare_vectors.arrays import parse
from fieldfare_vectors.datatype import width_of
from fieldfare_vectors.values import cast, native

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["vectors_in"]


def vectors_in(
    values: Sequence[bytes | None], storage: Storage, datatype: str, dims: int
) -> tuple[tuple[int, ...], NDArray[Any]]:
    """Read those values that are vectors, as the index has them.

    Args:
        values: a document's value each: bytes of ``datatype``, or the text of a JSON array.
        storage: how the documents are stored.
        datatype: of the index.
        dims: values of one vector.

    Returns:
        The rows that hold a vector of so many values, and the vectors: one row of ``dims`` values for each.
    """
    if storage is Storage.JSON:
        rows, vectors = parse(values, dims)
        return rows, cast(vectors, datatype)
    length = width_of(datatype) * dims
    found = {row: value for row, value in enumerate(values) if value is not None and len(value) == length}
    return tuple(found), native(b"".join(found.values()), datatype).reshape(len(found), dims)
