"""The values of vectors, as Redis has them and as this machine computes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import ml_dtypes
import numpy as np

from fieldfare_vectors.datatype import DATATYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NATIVE", "Block", "cast", "limit", "native", "to_bytes"]

NATIVE: Final[dict[str, np.dtype[Any]]] = {
    "float64": np.dtype(np.float64),
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "int8": np.dtype(np.int8),
    "uint8": np.dtype(np.uint8),
}
"""The numbers of this machine, by datatype of Redis."""

Block: TypeAlias = bytes | bytearray | memoryview


def native(block: Block, datatype: str) -> NDArray[Any]:
    """Read the bytes of vectors, little-endian, as numbers of this machine."""
    width = NATIVE[datatype].itemsize
    return np.frombuffer(block, f"<u{width}").astype(f"=u{width}", copy=False).view(NATIVE[datatype])


def to_bytes(vectors: NDArray[Any]) -> bytes:
    """Return numbers of this machine as little-endian bytes."""
    width = vectors.dtype.itemsize
    return vectors.view(f"=u{width}").astype(f"<u{width}", copy=False).tobytes()


def cast(vectors: NDArray[Any], datatype: str) -> NDArray[Any]:
    """Round floats to another floating-point datatype; what is too large becomes its outermost value."""
    with np.errstate(all="ignore"):
        rounded = vectors.astype(NATIVE[datatype])
    limit(rounded, vectors, datatype)
    return rounded


def limit(rounded: NDArray[Any], vectors: NDArray[Any], datatype: str) -> None:
    """Put the outermost value in the place of infinities that come from rounding.

    One infinity makes NaN of a vector's distances, and a server that ranks by NaN loses other documents too.

    Args:
        rounded: floats of the datatype, changed in place.
        vectors: what they were rounded from, of the same shape. NaN and infinities in it stay.
        datatype: a floating-point datatype of Redis.
    """
    too_large = np.isinf(rounded) & ~np.isinf(vectors)
    if too_large.any():
        largest = DATATYPES[datatype].largest
        rounded[too_large] = np.copysign(largest, vectors[too_large].astype(np.float64)).astype(rounded.dtype)
