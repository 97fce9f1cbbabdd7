"""Convert a column of vectors from one datatype to another, all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import ml_dtypes
import numpy as np
from attrs import frozen

from fieldfare.documents import MISSING, Column
from fieldfare_quantize.datatype import DATATYPES, Datatype

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Conversion", "cast", "convert", "native"]

_NATIVE: Final[dict[str, np.dtype[Any]]] = {
    "float64": np.dtype(np.float64),
    "float32": np.dtype(np.float32),
    "float16": np.dtype(np.float16),
    "bfloat16": np.dtype(ml_dtypes.bfloat16),
    "int8": np.dtype(np.int8),
    "uint8": np.dtype(np.uint8),
}

_SMALLEST: Final = {"float64": 2.0**-1022, "float32": 2.0**-126, "float16": 2.0**-14, "bfloat16": 2.0**-126}
"""The least magnitude with all digits."""


@frozen(eq=False)
class Conversion:
    """A converted column, and the rows that deserve a word.

    Every row stands under one heading at most. Rows of a wrong length keep their bytes; all others that
    have a value are converted.

    Attributes:
        column: the vectors in the target datatype.
        wrong_length: rows whose value is no vector of the source datatype.
        converted_already: rows whose value has the length of a vector of the target datatype instead.
        nan: rows with a NaN.
        infinite: rows with an infinity, and no NaN.
        overflow: rows of finite values, of which one is too large for the target and becomes infinity.
        underflow: rows with values other than zero that all become zero.
        subnormal: rows whose values all lie so close to zero that the target keeps fewer digits of them.
        zero: rows of zeros.
    """

    column: Column
    wrong_length: tuple[int, ...] = ()
    converted_already: tuple[int, ...] = ()
    nan: tuple[int, ...] = ()
    infinite: tuple[int, ...] = ()
    overflow: tuple[int, ...] = ()
    underflow: tuple[int, ...] = ()
    subnormal: tuple[int, ...] = ()
    zero: tuple[int, ...] = ()


def native(block: bytes | bytearray | memoryview, datatype: str) -> NDArray[Any]:
    """Read the bytes of vectors, little-endian, as numbers of this machine."""
    width = _NATIVE[datatype].itemsize
    return np.frombuffer(block, f"<u{width}").astype(f"=u{width}", copy=False).view(_NATIVE[datatype])


def cast(vectors: NDArray[Any], datatype: str) -> NDArray[Any]:
    """Round floats to another floating-point datatype; what is too large becomes infinity."""
    with np.errstate(all="ignore"):
        return vectors.astype(_NATIVE[datatype])


def convert(column: Column, source: str, target: str, dims: int) -> Conversion:
    """Convert vectors to another datatype.

    Values are rounded to the nearest one of the target, ties to even, as ``numpy.ndarray.astype`` does it;
    float64 goes to bfloat16 by way of float32. Bytes are little-endian, as Redis has them on every machine.

    Args:
        column: one vector per row: ``dims`` values of ``source``. Missing rows stay missing.
        source: what the rows are now; a key of :data:`fieldfare_quantize.datatype.DATATYPES`.
        target: what they shall be.
        dims: values of one vector.

    Raises:
        KeyError: a datatype that cannot be converted.
    """
    before, after = DATATYPES[source], DATATYPES[target]
    length = before.width * dims
    if column.lengths.count(length) == len(column):
        block, found = _convert_block(column.block, before, after, dims)
        return Conversion(Column(block, (after.width * dims,) * len(column)), **found)
    return _convert_some(column, before, after, dims)


def _convert_some(column: Column, before: Datatype, after: Datatype, dims: int) -> Conversion:
    length, new_length = before.width * dims, after.width * dims
    values, rows = list(column), column.rows(length)
    vectors = b"".join(value for value in values if value is not None and len(value) == length)
    block, found = _convert_block(vectors, before, after, dims)
    for position, row in enumerate(rows):
        values[row] = block[position * new_length : (position + 1) * new_length]
    others = [row for row, value in enumerate(column.lengths) if value not in (MISSING, length)]
    return Conversion(
        Column.of(values),
        wrong_length=tuple(row for row in others if column.lengths[row] != new_length),
        converted_already=tuple(row for row in others if column.lengths[row] == new_length),
        **{heading: tuple(rows[position] for position in positions) for heading, positions in found.items()},
    )


def _convert_block(
    block: bytes | bytearray | memoryview, before: Datatype, after: Datatype, dims: int
) -> tuple[bytes, dict[str, tuple[int, ...]]]:
    bits = np.frombuffer(block, f"<u{before.width}").astype(f"=u{before.width}", copy=False).reshape(-1, dims)
    # Whatever numpy would warn of is found in the peaks, with the rows that it is about.
    with np.errstate(all="ignore"):
        converted = bits.view(_NATIVE[before.name]).astype(_NATIVE[after.name])
        headings = _headings(_peaks(bits, before), after)
    new_bits = converted.view(f"=u{after.width}").astype(f"<u{after.width}", copy=False)
    return new_bits.tobytes(), headings


def _peaks(bits: NDArray[Any], before: Datatype) -> NDArray[Any]:
    """Return the largest magnitude of each row: NaN above infinity above all finite values.

    Without its sign bit, a float's bit pattern grows with its magnitude: integers can be compared, which
    is fast for every datatype.
    """
    magnitude = bits & bits.dtype.type((1 << (8 * before.width - 1)) - 1)
    peaks: NDArray[Any] = magnitude.max(axis=1, initial=0)
    return peaks.view(_NATIVE[before.name])


def _headings(peaks: NDArray[Any], after: Datatype) -> dict[str, tuple[int, ...]]:
    # Rounding keeps order, so a row's peak overflows if any of its values does, and is zero if all are.
    after_peaks = peaks.astype(_NATIVE[after.name])
    return {
        "nan": _rows(np.isnan(peaks)),
        "infinite": _rows(np.isinf(peaks)),
        "overflow": _rows(np.isfinite(peaks) & np.isinf(after_peaks)),
        "underflow": _rows((peaks != 0) & (after_peaks == 0)),
        "subnormal": _rows((after_peaks != 0) & (after_peaks < _SMALLEST[after.name])),
        "zero": _rows(peaks == 0),
    }


def _rows(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(np.flatnonzero(mask).tolist())
