"""Read and write the vectors of JSON documents, which are arrays of numbers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldfare.server.json_numbers import parse_like_redis

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

__all__ = ["format_vectors", "parse_vectors"]


def parse_vectors(values: Iterable[bytes | None], dims: int) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Read the values that are vectors; skip all others.

    Args:
        values: JSON texts, None for a document without the field.
        dims: how many numbers a vector has.

    Returns:
        The rows that hold a list of ``dims`` finite numbers, and the numbers: one row of ``dims`` values for each.
    """
    found = {row: numbers for row, value in enumerate(values) if (numbers := _numbers(value, dims)) is not None}
    return tuple(found), np.reshape(np.array(list(found.values()), np.float64), (len(found), dims))


def format_vectors(vectors: NDArray[Any]) -> list[bytes]:
    """Return vectors as JSON texts.

    Numbers get 15 digits, or somewhat fewer, so that Redis reads exactly the number that is written.

    Args:
        vectors: rows of finite values.
    """
    return [f"[{','.join(map(_format, row))}]".encode() for row in vectors.tolist()]


def _format(value: float) -> str:
    text = f"{value:.15g}"
    if "e" not in text:
        return text
    shorter = (f"{value:.{digits}e}" for digits in range(14, 0, -1))
    return next((each for each in shorter if parse_like_redis(each) == float(each)), f"{value:.0e}")


def _numbers(value: bytes | None, dims: int) -> NDArray[np.float64] | None:
    read = None if value is None else json.loads(value)
    if not isinstance(read, list) or len(read) != dims or not set(map(type, read)) <= {int, float}:
        return None
    try:
        numbers = np.array(read, np.float64)
    except OverflowError:
        return None
    return numbers if np.isfinite(numbers).all() else None
