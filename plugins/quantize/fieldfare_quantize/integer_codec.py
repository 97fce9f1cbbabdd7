"""Encode vectors as the integers of an INT8 or UINT8 index, and decode them.

Source: https://redis.io/docs/latest/develop/ai/search-and-query/vectors/ (Redis computes distances from the integers
as they are: the application decides which values they stand for).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from attrs import frozen

from fieldfare_vectors.values import NUMPY_DTYPES

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from fieldfare_quantize.calibration import Calibration

__all__ = ["Encoded", "decode", "encode", "flip"]

RANGE: Final[dict[str, tuple[int, int]]] = {"int8": (-127, 127), "uint8": (0, 255)}
"""The codes that are used. -128 is not: a vector and its opposite get opposite codes."""


@frozen(eq=False)
class Encoded:
    """Vectors as codes.

    Attributes:
        codes: rows of ``dims`` values, int8 or uint8.
        excess: for each row, how far its largest value lies from the middle of the codes, as a multiple of half
            their range; 1 or less where nothing was cut off.
    """

    codes: NDArray[Any]
    excess: NDArray[np.float32]


def encode(vectors: NDArray[Any], datatype: str, calibration: Calibration) -> Encoded:
    """Turn values into the nearest codes, ties to even; values beyond the codes become the largest or the least code.

    NaN becomes the code of zero, an infinity the largest or the least code.

    Args:
        vectors: rows of ``dims`` values, floats or codes.
        datatype: ``int8`` or ``uint8``.
        calibration: which value a code stands for.
    """
    low, high = RANGE[datatype]
    values = vectors.astype(np.float32)
    if calibration.scale is None:
        finite = values if np.isfinite(values).all() else np.nan_to_num(values, posinf=0, neginf=0)
        peaks = np.abs(finite).max(axis=1, initial=0)
        # A vector of zeros, or one too small for its scale to be a float32, has codes of zero.
        scale = np.maximum(peaks, np.finfo(np.float32).tiny * high)[:, np.newaxis] / np.float32(high)
    else:
        scale = np.float32(calibration.scale)
        values -= np.float32(calibration.offset)
    with np.errstate(invalid="ignore", over="ignore"):
        values /= scale
        np.rint(values, out=values)
    middle = (high + low) / 2
    excess = np.maximum(values.max(axis=1, initial=low) - middle, middle - values.min(axis=1, initial=high))
    np.clip(values, low, high, out=values)
    if np.isnan(excess).any():
        np.nan_to_num(values, copy=False)
    return Encoded(values.astype(NUMPY_DTYPES[datatype]), (excess / (high - middle)).astype(np.float32))


def flip(codes: NDArray[Any]) -> NDArray[Any]:
    """Turn int8 into uint8 and back: every code moves by 128, and none is lost."""
    other = NUMPY_DTYPES["uint8" if codes.dtype == NUMPY_DTYPES["int8"] else "int8"]
    flipped: NDArray[Any] = (codes.view(np.uint8) ^ np.uint8(0x80)).view(other)
    return flipped


def decode(codes: NDArray[Any], calibration: Calibration) -> NDArray[np.float32]:
    """Turn codes back into the values that they stand for.

    Where each vector has its own scale, its length is lost: it comes back with length one.

    Args:
        codes: rows of ``dims`` values.
        calibration: which value a code stands for.

    Returns:
        Rows of ``dims`` values.
    """
    values: NDArray[np.float32] = codes.astype(np.float32)
    if calibration.scale is None:
        lengths = np.sqrt(np.einsum("ij,ij->i", values, values))[:, np.newaxis]
        np.divide(values, lengths, out=values, where=lengths > 0)
        return values
    values *= np.float32(calibration.scale)
    values += np.float32(calibration.offset)
    return values
