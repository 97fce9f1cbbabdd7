"""The values of vectors: as bytes in Redis and as numpy arrays, rounded, and truncated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from fieldfare_vectors.datatype import DATATYPES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["NUMPY_DTYPES", "Block", "cast", "clamp_overflow", "from_bytes", "to_bytes", "truncate"]

BFLOAT16: Final = "bfloat16"


class _Dtypes(dict[str, np.dtype[Any]]):
    def __missing__(self, datatype: str) -> np.dtype[Any]:
        """Return the one dtype that numpy itself does not have."""
        if datatype != BFLOAT16:
            raise KeyError(datatype)
        import ml_dtypes  # noqa: PLC0415 - start-up time

        self[datatype] = np.dtype(ml_dtypes.bfloat16)
        return self[datatype]


NUMPY_DTYPES: Final = _Dtypes(
    float64=np.dtype(np.float64),
    float32=np.dtype(np.float32),
    float16=np.dtype(np.float16),
    int8=np.dtype(np.int8),
    uint8=np.dtype(np.uint8),
)
"""Datatype of Redis → the numpy dtype, in the byte order of this machine."""

ROWS: Final = 500
"""How many vectors are rounded at once; bounds the memory."""

Block: TypeAlias = bytes | bytearray | memoryview


def from_bytes(block: Block, datatype: str) -> NDArray[Any]:
    """Read little-endian bytes of vectors."""
    width = NUMPY_DTYPES[datatype].itemsize
    return np.frombuffer(block, f"<u{width}").astype(f"=u{width}", copy=False).view(NUMPY_DTYPES[datatype])


def to_bytes(vectors: NDArray[Any]) -> bytes:
    """Return vectors as little-endian bytes."""
    width = vectors.dtype.itemsize
    return vectors.view(f"=u{width}").astype(f"<u{width}", copy=False).tobytes()


def cast(vectors: NDArray[Any], datatype: str) -> NDArray[Any]:
    """Round floats to another floating-point datatype; values that are too large become its largest value.

    Integers stay what they are.
    """
    rounded = np.empty(vectors.shape, NUMPY_DTYPES[datatype])
    for start in range(0, len(vectors), ROWS):
        before, after = vectors[start : start + ROWS], rounded[start : start + ROWS]
        with np.errstate(all="ignore"):
            after[:] = before
        if datatype in DATATYPES:  # integers stay integers
            clamp_overflow(after, before, datatype)
    return rounded


def clamp_overflow(rounded: NDArray[Any], vectors: NDArray[Any], datatype: str) -> None:
    """Replace infinities that come from rounding by the largest value.

    One infinity makes NaN of a vector's distances, and a server that ranks by NaN loses other documents too.

    Args:
        rounded: floats of the datatype, changed in place.
        vectors: the values before rounding, of the same shape. NaN and infinities in it stay.
        datatype: a floating-point datatype of Redis.
    """
    largest = DATATYPES[datatype].largest
    with np.errstate(invalid="ignore"):  # NaN
        highest, lowest = float(vectors.max(initial=0)), float(vectors.min(initial=0))
    if -largest <= lowest <= highest <= largest:  # nearly always; not with NaN
        return
    too_large = np.isinf(rounded) & ~np.isinf(vectors)
    if too_large.any():
        rounded[too_large] = np.copysign(largest, vectors[too_large].astype(np.float64)).astype(rounded.dtype)


def truncate(vectors: NDArray[Any], dims: int, *, renormalize: bool = True) -> NDArray[Any]:
    """Return the first values of each vector.

    Some models are trained so that the first values of a vector are a vector of their own, coarser than the whole:
    https://arxiv.org/abs/2205.13147 (Matryoshka Representation Learning).

    Args:
        vectors: rows of values, of any datatype.
        dims: how many values to keep, 1 or more.
        renormalize: whether to scale each row to the length that it had: unit vectors stay unit vectors. Rows whose
            first values are all zeros have no direction, and rows with NaN or infinity no length: they are truncated
            and not scaled.

    Returns:
        Rows of ``dims`` values, float64 if renormalized, otherwise of the datatype that they have.
    """
    if not renormalize:
        return vectors[:, :dims]
    values = vectors.astype(np.float64)
    kept, dropped = values[:, :dims], values[:, dims:]
    # The old length is sqrt(kept² + dropped²). Nothing is rounded where nothing is dropped.
    with np.errstate(all="ignore"):
        factors = np.hypot(1, _lengths(dropped) / _lengths(kept))
    factors[~np.isfinite(factors)] = 1
    with np.errstate(all="ignore"):
        scaled: NDArray[Any] = kept * factors[:, np.newaxis]
    return scaled


def _lengths(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the length of each row, without squares that overflow or underflow."""
    peaks = np.abs(values).max(axis=1, initial=0)
    shares = values / np.where(peaks > 0, peaks, 1)[:, np.newaxis]
    lengths: NDArray[np.float64] = peaks * np.sqrt(np.einsum("ij,ij->i", shares, shares))
    return lengths
