"""Convert a column of vectors from one datatype to another, all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from attrs import frozen

from fieldfare.documents import MISSING, Column
from fieldfare_quantize.calibration import IDENTITY, Calibration
from fieldfare_quantize.integer_codec import decode, encode, flip
from fieldfare_vectors.datatype import DATATYPES, INTEGERS, Datatype, width_of
from fieldfare_vectors.values import NUMPY_DTYPES, Block, cast, clamp_overflow, from_bytes, to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["ConvertedColumn", "convert"]

Converted: TypeAlias = "tuple[NDArray[Any], dict[str, tuple[int, ...]]]"

_SMALLEST_NORMAL: Final = {"float64": 2.0**-1022, "float32": 2.0**-126, "float16": 2.0**-14, "bfloat16": 2.0**-126}
"""The least magnitude of which all digits are kept."""

OVERFLOW_EXCESS: Final = 2.0
"""Values more than this many times beyond the range of the codes overflow; others are outliers, which are clipped."""

EXCESS_TOLERANCE: Final = 1e-5
"""By how much rounding can make the largest value of a vector exceed a scale that was chosen for it."""


@frozen(eq=False)
class ConvertedColumn:
    """A converted column, and the rows that need attention.

    Every row stands under one heading at most. Rows of a wrong length keep their bytes; all others that
    have a value are converted.

    Attributes:
        column: the vectors in the target datatype.
        wrong_length: rows whose value is no vector of the source datatype.
        already_converted: rows whose value has the length of a vector of the target datatype instead.
        nan: rows with a NaN.
        infinite: rows with an infinity, and no NaN.
        overflow: rows of finite values, one of which is too large for the target, or lies far beyond its
            codes: it becomes the largest value, or the nearest code.
        clipped: rows of which a value lies a little beyond the codes and becomes the nearest code.
        underflow: rows with values other than zero that all become zero.
        subnormal: rows whose values all lie so close to zero that the target keeps fewer digits of them.
        zero: rows of zeros.
    """

    column: Column
    wrong_length: tuple[int, ...] = ()
    already_converted: tuple[int, ...] = ()
    nan: tuple[int, ...] = ()
    infinite: tuple[int, ...] = ()
    overflow: tuple[int, ...] = ()
    clipped: tuple[int, ...] = ()
    underflow: tuple[int, ...] = ()
    subnormal: tuple[int, ...] = ()
    zero: tuple[int, ...] = ()


def convert(  # noqa: PLR0913 - both sides of a conversion
    column: Column,
    source: str,
    target: str,
    dims: int,
    *,
    decoding: Calibration | None = None,
    encoding: Calibration | None = None,
) -> ConvertedColumn:
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
    length, new_length = width_of(source) * dims, width_of(target) * dims

    def convert_block(block: Block) -> Converted:
        if source in INTEGERS:
            return _from_codes(from_bytes(block, source).reshape(-1, dims), target, decoding)
        bits = np.frombuffer(block, f"<u{width_of(source)}").astype(f"=u{width_of(source)}", copy=False)
        if encoding is not None:
            return _to_codes(bits.reshape(-1, dims), DATATYPES[source], target, encoding)
        return _round(bits.reshape(-1, dims), DATATYPES[source], DATATYPES[target])

    if column.lengths.count(length) == len(column):
        converted, found = convert_block(column.block)
        return ConvertedColumn(Column(to_bytes(converted), (new_length,) * len(column)), **found)
    return _convert_some(column, length, new_length, convert_block)


def _convert_some(
    column: Column, length: int, new_length: int, convert_block: Callable[[Block], Converted]
) -> ConvertedColumn:
    values, rows = list(column), column.rows(length)
    vectors = b"".join(value for value in values if value is not None and len(value) == length)
    converted, found = convert_block(vectors)
    block = to_bytes(converted)
    for position, row in enumerate(rows):
        values[row] = block[position * new_length : (position + 1) * new_length]
    others = [row for row, value in enumerate(column.lengths) if value not in (MISSING, length)]
    return ConvertedColumn(
        Column.of(values),
        wrong_length=tuple(row for row in others if column.lengths[row] != new_length),
        already_converted=tuple(row for row in others if column.lengths[row] == new_length),
        **{heading: tuple(rows[position] for position in positions) for heading, positions in found.items()},
    )


def _from_codes(codes: NDArray[Any], target: str, decoding: Calibration | None) -> Converted:
    zero: NDArray[np.bool_] = ~np.any(codes, axis=1, keepdims=False)
    if target in INTEGERS:
        return flip(codes), {"zero": _rows(zero)}
    values = decode(codes, decoding or IDENTITY)
    with np.errstate(over="ignore"):
        beyond = np.isinf(np.abs(values).max(axis=1, initial=0).astype(NUMPY_DTYPES[target]))
    return cast(values, target), {"zero": _rows(zero), "overflow": _rows(beyond)}


def _to_codes(bits: NDArray[Any], before: Datatype, target: str, encoding: Calibration) -> Converted:
    peaks = _peaks(bits, before)
    finite: NDArray[np.bool_] = np.isfinite(peaks)
    done = encode(bits.view(NUMPY_DTYPES[before.name]), target, encoding)
    underflow = finite & (peaks != 0) & ~done.codes.any(axis=1) if encoding.offset == 0 else np.zeros_like(finite)
    return done.codes, {
        "nan": _rows(np.isnan(peaks)),
        "infinite": _rows(np.isinf(peaks)),
        "overflow": _rows(finite & (done.excess > OVERFLOW_EXCESS)),
        "clipped": _rows(finite & (done.excess > 1 + EXCESS_TOLERANCE) & (done.excess <= OVERFLOW_EXCESS)),
        "underflow": _rows(underflow),
        "zero": _rows(peaks == 0),
    }


def _round(bits: NDArray[Any], before: Datatype, after: Datatype) -> Converted:
    # numpy's warnings do not name rows; the peaks do.
    with np.errstate(all="ignore"):
        vectors = bits.view(NUMPY_DTYPES[before.name])
        converted = vectors.astype(NUMPY_DTYPES[after.name])
        headings = _headings(_peaks(bits, before), after)
        if headings["overflow"]:
            clamp_overflow(converted, vectors, after.name)
    return converted, headings


def _peaks(bits: NDArray[Any], before: Datatype) -> NDArray[Any]:
    """Return the largest magnitude of each row: NaN above infinity above all finite values.

    Without its sign bit, a float's bit pattern grows with its magnitude: integers can be compared, which
    is fast for every datatype.
    """
    magnitude = bits & bits.dtype.type((1 << (8 * before.width - 1)) - 1)
    peaks: NDArray[Any] = magnitude.max(axis=1, initial=0)
    return peaks.view(NUMPY_DTYPES[before.name])


def _headings(peaks: NDArray[Any], after: Datatype) -> dict[str, tuple[int, ...]]:
    # Rounding keeps order, so a row's peak overflows if any of its values does, and is zero if all are.
    after_peaks = peaks.astype(NUMPY_DTYPES[after.name])
    return {
        "nan": _rows(np.isnan(peaks)),
        "infinite": _rows(np.isinf(peaks)),
        "overflow": _rows(np.isfinite(peaks) & np.isinf(after_peaks)),
        "underflow": _rows((peaks != 0) & (after_peaks == 0)),
        "subnormal": _rows((after_peaks != 0) & (after_peaks < _SMALLEST_NORMAL[after.name])),
        "zero": _rows(peaks == 0),
    }


def _rows(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(np.flatnonzero(mask).tolist())
