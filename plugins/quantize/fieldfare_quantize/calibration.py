"""Which value an integer code stands for, chosen on a sample of the vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["CODES", "GREATEST", "LEAST", "PER_VECTOR", "Calibration", "calibrate"]

GREATEST: Final = 1e30
LEAST: Final = 1e-30
"""Scales of float32 vectors lie far between, and so do their quotients."""

OWN: Final = "per vector"
"""How plans write the scale of vectors that are scaled one by one."""

QUANTILES: Final = (0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999, 1.0)
"""Shares of all values that the codes may reach; the rest is cut off. The one with the least error is taken."""

MEASURED: Final = 1000
"""How many vectors the error of a quantile is measured on."""


@frozen
class Calibration:
    """A value is ``code * scale + offset``.

    Attributes:
        scale: the distance of two codes; None where each vector has its own, so that its largest magnitude is 127.
        offset: the value whose code is 0.
        clip: the share of the sample's values that is not cut off, where the scale follows from it.
    """

    scale: float | None = None
    offset: float = 0.0
    clip: float | None = None

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> Calibration:
        """Read a calibration from a plan.

        Raises:
            ValueError: it is none.
        """
        found = cls(**{**mapping, "scale": None if mapping["scale"] == OWN else mapping["scale"]})
        for name in ("scale", "offset", "clip"):
            value = getattr(found, name)
            if type(value) not in {int, float, type(None)} or not abs(value or 0) <= GREATEST:
                raise ValueError(f"{name} is {value!r:.40}")
        if found.scale is not None and found.scale < LEAST:
            raise ValueError(f"scale is {found.scale}")
        return found

    def to_plain(self) -> dict[str, float | str | None]:
        """Return the calibration as plan files have it."""
        return {"scale": OWN if self.scale is None else self.scale, "offset": self.offset, "clip": self.clip}


PER_VECTOR: Final = Calibration()
"""Direction is all that is kept."""

CODES: Final = Calibration(1.0)
"""A code stands for itself."""


def calibrate(
    vectors: NDArray[Any],
    datatype: str,
    metric: str,
    *,
    scale: float | None = None,
    clip: float | None = None,
) -> Calibration:
    """Choose what the codes stand for.

    Under cosine, int8 scales every vector by itself: direction is all that counts. Otherwise all vectors share
    one scale, as distances and inner products need their lengths; int8 keeps zero at zero, uint8 starts at the
    least value.

    Args:
        vectors: rows of ``dims`` values, a sample without NaN and infinities.
        datatype: ``int8`` or ``uint8``.
        metric: ``cosine``, ``l2`` or ``ip``.
        scale: given by the user: taken as it is.
        clip: given by the user: the share of all values that is not cut off, 0 to 1.
    """
    import numpy as np  # noqa: PLC0415 - start-up time

    values = np.asarray(vectors, np.float32)
    if datatype == "int8" and metric == "cosine" and scale is None and clip is None:
        return PER_VECTOR
    if not values.size:
        return Calibration(1.0 if scale is None else scale)
    if scale is not None:
        low = -scale * 127.5 + float(values.mean()) if datatype == "uint8" else 0.0
        return Calibration(scale, low)
    candidates = _candidates(values, datatype, QUANTILES if clip is None else (clip,))
    measured = values[:: max(1, len(values) // MEASURED)]
    return min(candidates, key=lambda each: _error(measured, datatype, each))


def _candidates(values: NDArray[Any], datatype: str, quantiles: tuple[float, ...]) -> list[Calibration]:
    import numpy as np  # noqa: PLC0415 - start-up time

    found = []
    if datatype == "int8":
        for share, reach in zip(quantiles, np.quantile(np.abs(values), quantiles), strict=True):
            found.append(Calibration(_scale(float(reach), 127), 0.0, share))
        return found
    lows = np.quantile(values, [(1 - share) / 2 for share in quantiles])
    highs = np.quantile(values, [(1 + share) / 2 for share in quantiles])
    for share, low, high in zip(quantiles, lows.tolist(), highs.tolist(), strict=True):
        found.append(Calibration(_scale(high - low, 255), min(max(low, -GREATEST), GREATEST), share))
    return found


def _scale(reach: float, codes: int) -> float:
    return min(max(reach / codes, LEAST), GREATEST) if reach > 0 else 1.0


def _error(values: NDArray[Any], datatype: str, calibration: Calibration) -> float:
    import numpy as np  # noqa: PLC0415 - start-up time

    from fieldfare_quantize.integer import decode, encode  # noqa: PLC0415 - start-up time

    difference = decode(encode(values, datatype, calibration).codes, calibration) - values
    # Not squared: a few vectors far out must not decide over all others.
    return float(np.sqrt(np.einsum("ij,ij->i", difference, difference)).sum())
