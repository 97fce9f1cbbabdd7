"""What a patch says about a quantization: the key ``quantization`` of an entry of ``update_fields``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fieldfare_quantize.calibration import MAX_MAGNITUDE, MIN_SCALE
from fieldfare_vectors.datatype import INTEGERS
from fieldfare_vectors.patch_options import read_field_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldfare_quantize.conversion import ConversionParameters

__all__ = ["find_problem", "read_quantization"]

KEYS: Final = ("scale", "clip", "offset")
"""As in :class:`Calibration`."""


def find_problem(parameters: ConversionParameters, quantization: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the values below ``quantization``; None if nothing is."""
    integers = {parameters.source, parameters.target} & set(INTEGERS)
    unknown = sorted(set(quantization) - set(KEYS))
    scale, clip, offset = (
        quantization.get(key, default) for key, default in (("scale", 1), ("clip", 1), ("offset", 0))
    )
    to_floats = parameters.source in INTEGERS
    checks = (
        (quantization and len(integers) != 1, "is for changes between floats and int8 or uint8"),
        (bool(unknown), f"knows {', '.join(KEYS)}, not {', '.join(unknown)}"),
        (not all(_is_number(each) for each in quantization.values()), "takes numbers"),
        ("scale" in quantization and "clip" in quantization, "takes scale or clip, not both"),
        (to_floats and "clip" in quantization, "takes no clip when integers become floats"),
        (not to_floats and "offset" in quantization, "takes an offset only when integers become floats"),
        ("offset" in quantization and "scale" not in quantization, "takes an offset together with a scale only"),
    )
    problem = next((text for applies, text in checks if applies), None)
    if problem is None and not (scale > 0 and 0 < clip <= 1):
        problem = "takes a scale above 0 and a clip above 0 and up to 1"
    if problem is None and not (MIN_SCALE <= scale <= MAX_MAGNITUDE and abs(offset) <= MAX_MAGNITUDE):
        problem = f"takes a scale from {MIN_SCALE:g} to {MAX_MAGNITUDE:g}, and an offset up to ±{MAX_MAGNITUDE:g}"
    return None if problem is None else f"quantization of {parameters.field!r} {problem}"


def read_quantization(patch: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return what a patch says about the quantization of a field, by its name before or after the patch."""
    return read_field_options(patch, name, "quantization")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
