"""What becomes of vectors that a datatype cannot hold as they are, in words."""

from __future__ import annotations

from fieldfare_vectors.datatype import DATATYPES, INTEGERS

__all__ = ["faint", "fates", "vanished"]


def faint(target: str) -> str:
    """Say what becomes of a vector of small values."""
    return f"every value is so close to zero that {target} keeps fewer digits of it than of larger ones"


def vanished(target: str) -> str:
    """Say what becomes of a vector of tiny values."""
    return f"every value is too close to zero for {target}: the vector becomes all zeros"


def fates(target: str) -> tuple[str, str, str]:
    """Say what becomes of NaN, of infinity, and of values that are too large."""
    if target in INTEGERS:
        return (
            f"not a number becomes the code of zero in {target}",
            f"infinity becomes the outermost code in {target}",
            f"values far beyond those of the sample are cut off in {target}",
        )
    return (
        f"not a number stays not a number in {target}",
        f"infinity stays infinity in {target}",
        f"values beyond ±{DATATYPES[target].largest:g} are cut off there in {target}",
    )
