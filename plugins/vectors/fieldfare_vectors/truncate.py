"""Truncate vectors to their leading values.

Some models are trained so that the first values of a vector are a vector of their own, coarser than the whole:
https://arxiv.org/abs/2205.13147 (Matryoshka Representation Learning).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["truncate"]


def truncate(vectors: NDArray[Any], dims: int, *, renormalize: bool = True) -> NDArray[Any]:
    """Return the first values of each vector.

    Args:
        vectors: rows of values, of any datatype.
        dims: how many values to keep, 1 or more.
        renormalize: whether to scale each row to the length that it had: unit vectors stay unit vectors. Rows whose
            first values are all zeros have no direction, and rows with NaN or infinity no length: they are truncated
            and not scaled.

    Returns:
        Rows of ``dims`` values, float64 if renormalized, otherwise of the datatype that they have.
    """
    if not renormalize:
        return vectors[:, :dims]
    values = vectors.astype(np.float64)
    kept, dropped = values[:, :dims], values[:, dims:]
    # The old length is sqrt(kept² + dropped²). Nothing is rounded where nothing is dropped.
    with np.errstate(all="ignore"):
        factors = np.hypot(1, _lengths(dropped) / _lengths(kept))
    factors[~np.isfinite(factors)] = 1
    with np.errstate(all="ignore"):
        scaled: NDArray[Any] = kept * factors[:, np.newaxis]
    return scaled


def _lengths(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the length of each row, without squares that overflow or underflow."""
    peaks = np.abs(values).max(axis=1, initial=0)
    shares = values / np.where(peaks > 0, peaks, 1)[:, np.newaxis]
    lengths: NDArray[np.float64] = peaks * np.sqrt(np.einsum("ij,ij->i", shares, shares))
    return lengths
