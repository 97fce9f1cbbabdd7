"""Messages about vectors whose values a datatype cannot hold."""

from __future__ import annotations

from fieldfare_vectors.datatype import DATATYPES, INTEGERS

__all__ = ["overflow_messages", "subnormal_message", "underflow_message"]


def subnormal_message(target: str) -> str:
    """Describe the conversion of a vector of small values."""
    return f"every value is so close to zero that {target} keeps fewer digits of it than of larger ones"


def underflow_message(target: str) -> str:
    """Describe the conversion of a vector of tiny values."""
    return f"every value is too close to zero for {target}: the vector becomes all zeros"


def overflow_messages(target: str) -> tuple[str, str, str]:
    """Describe the conversion of NaN, of infinity, and of values that are too large."""
    if target in INTEGERS:
        return (
            f"not a number becomes the code of zero in {target}",
            f"infinity becomes the largest or the least code in {target}",
            f"values far beyond those of the sample are cut off in {target}",
        )
    return (
        f"not a number stays not a number in {target}",
        f"infinity stays infinity in {target}",
        f"values beyond ±{DATATYPES[target].largest:g} are cut off there in {target}",
    )
