"""What a patch says about a quantization: the key ``quantization`` of an entry of ``update_fields``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fieldfare_quantize.calibration import GREATEST, LEAST
from fieldfare_vectors.datatype import INTEGERS
from fieldfare_vectors.wish import wish_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldfare_quantize.conversion import Parameters

__all__ = ["problem", "read_wish"]

KEYS: Final = ("scale", "clip", "offset")
"""The distance of two codes; the share of values that is not cut off; the value whose code is 0."""


def problem(parameters: Parameters, wish: Mapping[str, Any]) -> str | None:
    """Return what is wrong about a wish; None if nothing is."""
    integers = {parameters.source, parameters.target} & set(INTEGERS)
    back = parameters.source in INTEGERS
    checks = (
        (wish and len(integers) != 1, "is for changes between floats and int8 or uint8"),
        (bool(set(wish) - set(KEYS)), f"knows {', '.join(KEYS)}, not {', '.join(sorted(set(wish) - set(KEYS)))}"),
        (not all(_is_number(each) for each in wish.values()), "takes numbers"),
        ("scale" in wish and "clip" in wish, "takes scale or clip, not both"),
        (back and "clip" in wish, "takes no clip on the way back to floats"),
        (not back and "offset" in wish, "takes an offset on the way back to floats only"),
        ("offset" in wish and "scale" not in wish, "takes an offset together with a scale only"),
    )
    wrong = next((text for applies, text in checks if applies), None)
    if wrong is None and not (wish.get("scale", 1) > 0 and 0 < wish.get("clip", 1) <= 1):
        wrong = "takes a scale above 0 and a clip above 0 and up to 1"
    if wrong is None and not (LEAST <= wish.get("scale", 1) <= GREATEST and abs(wish.get("offset", 0)) <= GREATEST):
        wrong = f"takes a scale from {LEAST:g} to {GREATEST:g}, and an offset up to ±{GREATEST:g}"
    return None if wrong is None else f"quantization of {parameters.field!r} {wrong}"


def read_wish(patch: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return what a patch says about the quantization of a field, by its name before or after the patch."""
    return wish_for(patch, name, "quantization")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
