"""Convert a column of vectors from one datatype to another, all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fieldfare_quantize.calibration import IDENTITY, Calibration
from fieldfare_quantize.integer_codec import decode, encode, flip
from fieldfare_vectors.datatype import DATATYPES, INTEGERS, Datatype, width_of
from fieldfare_vectors.rewritten_column import Rewritten, RewrittenColumn, find_extremes, positions, rewrite_column
from fieldfare_vectors.values import NUMPY_DTYPES, Block, cast, clamp_overflow, from_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldfare.documents import Column

__all__ = ["convert"]

_SMALLEST_NORMAL: Final = {"float64": 2.0**-1022, "float32": 2.0**-126, "float16": 2.0**-14, "bfloat16": 2.0**-126}
"""The least magnitude of which all digits are kept."""

OVERFLOW_EXCESS: Final = 2.0
"""Values more than this many times beyond the range of the codes overflow; others are outliers, which are clipped."""

EXCESS_TOLERANCE: Final = 1e-5
"""By how much rounding can make the largest value of a vector exceed a scale that was chosen for it."""


def convert(  # noqa: PLR0913 - both sides of a conversion
    column: Column,
    source: str,
    target: str,
    dims: int,
    *,
    decoding: Calibration | None = None,
    encoding: Calibration | None = None,
) -> RewrittenColumn:
    """Convert vectors to another datatype.

    Values are rounded to the nearest one of the target, ties to even, as ``numpy.ndarray.astype`` does it;
    float64 goes to bfloat16 by way of float32. From one kind of integers to the other, all codes move by 128.
    Bytes are little-endian, as Redis has them on every machine.

    Args:
        column: one vector per row: ``dims`` values of ``source``. Missing rows stay missing.
        source: their datatype now; a vector datatype of Redis.
        target: what they become.
        dims: values of one vector.
        decoding: what the codes stand for, if the source is an integer datatype and the target is none.
        encoding: what the new codes stand for, if the target is an integer datatype and the source is none.

    Raises:
        KeyError: a datatype that cannot be converted.
    """

    def convert_block(block: Block) -> Rewritten:
        vectors = from_bytes(block, source).reshape(-1, dims)
        if source in INTEGERS:
            return _from_codes(vectors, target, decoding)
        if encoding is not None:
            return _to_codes(vectors, target, encoding)
        return _round(vectors, DATATYPES[target])

    return rewrite_column(column, width_of(source) * dims, width_of(target) * dims, convert_block)


def _from_codes(codes: NDArray[Any], target: str, decoding: Calibration | None) -> Rewritten:
    zero: NDArray[np.bool_] = ~np.any(codes, axis=1, keepdims=False)
    if target in INTEGERS:
        return lambda: flip(codes), {"zero": positions(zero)}
    values = decode(codes, decoding or IDENTITY)
    with np.errstate(over="ignore"):
        beyond = np.isinf(np.abs(values).max(axis=1, initial=0).astype(NUMPY_DTYPES[target]))
    return lambda: cast(values, target), {"zero": positions(zero), "overflow": positions(beyond)}


def _to_codes(vectors: NDArray[Any], target: str, encoding: Calibration) -> Rewritten:
    peaks = _peaks(vectors)
    finite: NDArray[np.bool_] = np.isfinite(peaks)
    done = encode(vectors, target, encoding)
    underflow = finite & (peaks != 0) & ~done.codes.any(axis=1) if encoding.offset == 0 else np.zeros_like(finite)
    return lambda: done.codes, find_extremes(peaks, peaks) | {
        "overflow": positions(finite & (done.excess > OVERFLOW_EXCESS)),
        "clipped": positions(finite & (done.excess > 1 + EXCESS_TOLERANCE) & (done.excess <= OVERFLOW_EXCESS)),
        "underflow": positions(underflow),
    }


def _round(vectors: NDArray[Any], after: Datatype) -> Rewritten:
    peaks = _peaks(vectors)
    with np.errstate(all="ignore"):
        after_peaks = peaks.astype(NUMPY_DTYPES[after.name])
        headings = find_extremes(peaks, after_peaks)
        subnormal = (after_peaks != 0) & (after_peaks < _SMALLEST_NORMAL[after.name])

    def make() -> NDArray[Any]:
        with np.errstate(all="ignore"):  # numpy's warnings do not name rows; the peaks do
            converted = vectors.astype(NUMPY_DTYPES[after.name])
            if headings["overflow"]:
                clamp_overflow(converted, vectors, after.name)
        return converted

    return make, headings | {"subnormal": positions(subnormal)}


def _peaks(vectors: NDArray[Any]) -> NDArray[Any]:
    """Return the largest magnitude of each row: NaN above infinity above all finite values.

    Without its sign bit, a float's bit pattern grows with its magnitude: integers can be compared, which
    is fast for every datatype.
    """
    bits = vectors.view(f"=u{vectors.itemsize}")
    magnitude = bits & bits.dtype.type((1 << (8 * vectors.itemsize - 1)) - 1)
    peaks: NDArray[Any] = magnitude.max(axis=1, initial=0)
    return peaks.view(vectors.dtype)
