"""Choose a calibration on a sample of the vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fieldfare_quantize.calibration import MAX_MAGNITUDE, MIN_SCALE, PER_VECTOR, Calibration
from fieldfare_quantize.integer_codec import decode, encode

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["calibrate"]

QUANTILES: Final = (0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999, 1.0)
"""Candidates for the share of all values that is not cut off. The one with the least error is chosen."""

ERROR_SAMPLE: Final = 1000
"""On how many vectors the error of a candidate is measured."""


def calibrate(
    vectors: NDArray[Any],
    datatype: str,
    metric: str,
    *,
    scale: float | None = None,
    clip: float | None = None,
) -> Calibration:
    """Choose which values the codes stand for.

    Under cosine, int8 gives every vector its own scale: only the direction counts. Otherwise all vectors share
    one scale, because distances and inner products need their lengths; int8 keeps zero at zero, uint8 starts at the
    least value.

    Args:
        vectors: rows of ``dims`` values, a sample without NaN and infinities.
        datatype: ``int8`` or ``uint8``.
        metric: ``cosine``, ``l2`` or ``ip``.
        scale: given by the user: used as it is.
        clip: given by the user: the share of all values that is not cut off, 0 to 1.
    """
    values = np.asarray(vectors, np.float32)
    if datatype == "int8" and metric == "cosine" and scale is None and clip is None:
        return PER_VECTOR
    if not values.size:
        return Calibration(1.0 if scale is None else scale)
    if scale is not None:
        low = -scale * 127.5 + float(values.mean()) if datatype == "uint8" else 0.0
        return Calibration(scale, low)
    candidates = _candidates(values, datatype, QUANTILES if clip is None else (clip,))
    measured = values[:: max(1, len(values) // ERROR_SAMPLE)]
    return min(candidates, key=lambda each: _error(measured, datatype, each))


def _candidates(values: NDArray[Any], datatype: str, quantiles: tuple[float, ...]) -> list[Calibration]:
    found = []
    if datatype == "int8":
        for share, reach in zip(quantiles, np.quantile(np.abs(values), quantiles), strict=True):
            found.append(Calibration(_scale(float(reach), 127), 0.0, share))
        return found
    lows = np.quantile(values, [(1 - share) / 2 for share in quantiles])
    highs = np.quantile(values, [(1 + share) / 2 for share in quantiles])
    for share, low, high in zip(quantiles, lows.tolist(), highs.tolist(), strict=True):
        found.append(Calibration(_scale(high - low, 255), min(max(low, -MAX_MAGNITUDE), MAX_MAGNITUDE), share))
    return found


def _scale(reach: float, codes: int) -> float:
    return min(max(reach / codes, MIN_SCALE), MAX_MAGNITUDE) if reach > 0 else 1.0


def _error(values: NDArray[Any], datatype: str, calibration: Calibration) -> float:
    difference = decode(encode(values, datatype, calibration).codes, calibration) - values
    # Not squared: a few outliers must not outweigh all other vectors.
    return float(np.sqrt(np.einsum("ij,ij->i", difference, difference)).sum())
