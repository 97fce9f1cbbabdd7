"""Spells JSON numbers so that Redis reads exactly the number that is meant.

The parser of the JSON module takes the digits of a number as an integer, rounds it, divides it by a power of ten, and
rounds again. Of the numbers with 17 digits it reads about one in ten wrong, in the last bit. A number that is read from
a document and written back would change. Observed on JSON 2.8; it is what
https://docs.rs/serde_json/latest/serde_json/ does without its feature ``float_roundtrip``.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["number_in_redis", "parse_like_redis", "round_trip_safe"]

TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?')
"""A string, or a number: the digits before the point, the digits after it, and the exponent."""

EXACT_DIGITS: Final = 2**53
EXACT_POWER: Final = 22
"""Integers up to the first and powers of ten up to the second are exact as floats: nothing is rounded twice."""

LONGEST: Final = 1000
"""Numbers with more bytes are left as they are; no float needs so many."""

LARGEST: Final = 2**64 - 1
POWERS: Final = tuple(float(f"1e{exponent}") for exponent in range(309))
DIGITS: Final = (16, 17, 18, 19, 20, *range(15, 0, -1))
"""How many digits are tried. 64 bits hold 19, and some numbers of 20."""


def round_trip_safe(text: bytes) -> bytes:
    """Return a JSON text of the same meaning whose numbers Redis reads exactly.

    There is such a spelling for every number that Redis can hold. A few numbers in a thousand it cannot hold.

    Args:
        text: valid JSON.
    """
    return TOKEN.sub(_round_trip_safe_token, text)


def parse_like_redis(token: str) -> float:
    """Return the number that the JSON module reads from a number with a fraction or an exponent."""
    match = TOKEN.fullmatch(token.encode())
    return math.nan if match is None else math.copysign(number_in_redis(*_parts(match)), float(token))


def number_in_redis(significand: int, exponent: int) -> float:
    """Return the number that the JSON module reads from ``significand * 10 ** exponent``.

    Args:
        significand: all digits, without a sign.
        exponent: as written, minus the number of digits after the point.
    """
    while significand > LARGEST:
        significand //= 10
        exponent += 1
    if exponent >= 0:
        return significand * POWERS[exponent] if exponent < len(POWERS) else significand * math.inf
    value = float(significand)
    while exponent <= -len(POWERS) and value:
        value /= POWERS[-1]
        exponent += len(POWERS) - 1
    return value / POWERS[-exponent] if value else 0.0


def _round_trip_safe_token(match: re.Match[bytes]) -> bytes:
    token = match[0]
    _, fraction, power = match.groups()
    if (fraction is None and power is None) or len(token) > LONGEST:
        return token  # a string or an integer
    significand, exponent = _parts(match)
    if significand <= EXACT_DIGITS and -EXACT_POWER <= exponent <= EXACT_POWER:
        return token
    meant = abs(float(token))
    if not 0 < meant < math.inf or number_in_redis(significand, exponent) == meant:
        return token
    spelling = _find_spelling(meant)
    return token if spelling is None else (b"-" if token.startswith(b"-") else b"") + spelling


def _parts(match: re.Match[bytes]) -> tuple[int, int]:
    """Return significand and exponent of a number."""
    whole, fraction, power = match.groups()
    if fraction is None:
        return int(whole), int(power or 0)
    exponent = -len(fraction) if power is None else int(power) - len(fraction)
    return int(whole + fraction), exponent


def _find_spelling(meant: float) -> bytes | None:
    """Return a spelling that Redis reads as this number, preferably one that exact parsers read so too; or None."""
    numerator, denominator = meant.as_integer_ratio()
    magnitude = math.floor(math.log10(meant))
    second_best: bytes | None = None
    for exponent in (magnitude - digits + 1 for digits in DIGITS):
        scaled = (numerator, denominator * 10**exponent) if exponent >= 0 else (numerator * 10**-exponent, denominator)
        for near in _around(*scaled):
            if 0 < near <= LARGEST and number_in_redis(near, exponent) == meant:
                spelling = b"%de%d" % (near, exponent)
                if float(spelling) == meant:
                    return spelling
                second_best = second_best or spelling
    return second_best


def _around(numerator: int, denominator: int) -> Iterator[int]:
    """Yield the integer nearest to a quotient, and others that round to the same float or to an adjacent one."""
    exact = (2 * numerator + denominator) // (2 * denominator)
    yield exact
    step = max(1, int(math.ulp(float(exact))))
    for distance in range(1, 7):
        yield exact + distance * step // 2
        yield exact - distance * step // 2
