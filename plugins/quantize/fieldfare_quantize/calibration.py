"""Calibrations: which value an integer code stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IDENTITY", "MAX_MAGNITUDE", "MIN_SCALE", "PER_VECTOR", "Calibration", "has_own_scales"]

MAX_MAGNITUDE: Final = 1e30
MIN_SCALE: Final = 1e-30
"""Between these limits scales and offsets, and float32 values divided by them, are float32 values."""

PER_VECTOR_SCALE: Final = "per vector"
"""How plans write the scale where each vector has its own."""


@frozen
class Calibration:
    """A value is ``code * scale + offset``.

    Attributes:
        scale: the difference between the values of two successive codes; None where each vector has its own scale,
            so that its largest magnitude gets the code 127.
        offset: the value whose code is 0.
        clip: the share of the sample's values that is not cut off, where the scale was chosen from it.
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
        found = cls(**{**mapping, "scale": None if mapping["scale"] == PER_VECTOR_SCALE else mapping["scale"]})
        for name in ("scale", "offset", "clip"):
            value = getattr(found, name)
            if type(value) not in {int, float, type(None)} or not abs(value or 0) <= MAX_MAGNITUDE:
                raise ValueError(f"{name} is {value!r:.40}")
        if found.scale is not None and found.scale < MIN_SCALE:
            raise ValueError(f"scale is {found.scale}")
        return found

    def to_plain(self) -> dict[str, float | str | None]:
        """Return the calibration as plan files have it."""
        return {
            "scale": PER_VECTOR_SCALE if self.scale is None else self.scale,
            "offset": self.offset,
            "clip": self.clip,
        }


PER_VECTOR: Final = Calibration()
"""Each vector has its own scale: only its direction is kept."""

IDENTITY: Final = Calibration(1.0)
"""A code stands for itself."""


def has_own_scales(datatype: str, metric: str, quantization: Mapping[str, Any]) -> bool:
    """Return whether each vector gets its own scale when floats become integers.

    Args:
        datatype: ``int8`` or ``uint8``.
        metric: ``cosine``, ``l2`` or ``ip``.
        quantization: ``scale`` or ``clip`` where the user gives them.
    """
    return (datatype, metric) == ("int8", "cosine") and not quantization
