"""The vector datatypes of Redis, and what each can hold.

Sources: IEEE 754 for float64, float32 and float16;
https://en.wikipedia.org/wiki/Bfloat16_floating-point_format for bfloat16;
https://redis.io/docs/latest/develop/ai/search-and-query/vectors/ for those that Redis knows.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

__all__ = ["DATATYPES", "INTEGERS", "Datatype", "is_lossless", "width_of"]


@frozen
class Datatype:
    """A floating-point format.

    Attributes:
        name: as in schema files, in lower case.
        width: bytes of one value.
        exponent: bits of the exponent, which set the range.
        fraction: bits of the fraction, which set the precision.
        digits: significant decimal digits, roughly.
        largest: the largest finite value.
    """

    name: str
    width: int
    exponent: int
    fraction: int
    digits: int
    largest: float


DATATYPES: Final[dict[str, Datatype]] = {
    each.name: each
    for each in (
        Datatype("float64", 8, 11, 52, 16, 1.7976931348623157e308),
        Datatype("float32", 4, 8, 23, 7, 3.4028234663852886e38),
        Datatype("float16", 2, 5, 10, 3, 65504.0),
        Datatype("bfloat16", 2, 8, 7, 2, 3.3895313892515355e38),
    )
}
"""The floating-point datatypes, by name."""


INTEGERS: Final = ("int8", "uint8")
"""The integer datatypes; a calibration says which value a code stands for."""


def width_of(datatype: str) -> int:
    """Return the bytes of one value.

    Raises:
        KeyError: Redis has no such vector datatype.
    """
    return 1 if datatype in INTEGERS else DATATYPES[datatype].width


def is_lossless(source: Datatype, target: Datatype) -> bool:
    """Return whether ``target`` can hold every value of ``source``."""
    return target.exponent >= source.exponent and target.fraction >= source.fraction
