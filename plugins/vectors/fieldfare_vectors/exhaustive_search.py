"""Find the nearest vectors of some query vectors by comparing them with all vectors, batch by batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["ExhaustiveSearch", "QueryVectors"]

TINY: Final = 1e-10
HUGE: Final = 1e10
"""Values between the two can be squared and added up in float32."""

NO_KEY: Final = b""
"""Fills the result where there are fewer vectors than neighbours to find."""


class QueryVectors:
    """Vectors whose neighbours are searched.

    Args:
        vectors: rows of ``dims`` finite values.
        metric: ``cosine``, ``l2`` or ``ip``.
    """

    def __init__(self, vectors: NDArray[Any], metric: str) -> None:
        self._metric = metric
        values = vectors.astype(np.float32)
        peak = float(np.abs(values).max(initial=0))
        # The ranking stays the same if all vectors are scaled or moved alike, and float32 keeps more of it.
        self._scale = None if not peak or TINY < peak < HUGE else np.float32(1 / peak)
        self._centre = None
        values = self._scaled_and_centred(values)
        if metric == "l2" and len(values):
            self._centre = values.mean(axis=0)
            values -= self._centre
        elif metric == "cosine":
            values /= _lengths(values)[:, np.newaxis]
        self._values = values

    def __len__(self) -> int:
        """Return the number of query vectors."""
        return len(self._values)

    def scores(self, vectors: NDArray[Any]) -> NDArray[Any]:
        """Return a row for each query vector and a column for each given vector: the nearer the higher.

        Args:
            vectors: rows of ``dims`` finite values.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            values = self._scaled_and_centred(vectors.astype(np.float32, copy=False))
            scores: NDArray[Any] = self._values @ values.T
            if self._metric == "l2":
                scores -= np.vecdot(values, values) / 2
            elif self._metric == "cosine":
                scores /= _lengths(values)
            scores[np.isnan(scores)] = -np.inf
            return scores

    def _scaled_and_centred(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if self._scale is not None:
            values = values * self._scale
        return values if self._centre is None else values - self._centre


def _lengths(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the length of each vector; 1 for a vector of zeros, which is equally near to all others."""
    lengths: NDArray[np.float32] = np.sqrt(np.vecdot(values, values))
    lengths[lengths == 0] = 1
    return lengths


class ExhaustiveSearch:
    """The nearest neighbours among all vectors added so far. Memory: ``depth`` keys a query vector.

    Args:
        queries: the vectors whose neighbours are searched.
        keys: the documents of the query vectors: no document is its own neighbour.
        depth: how many neighbours to find for each query vector.
    """

    def __init__(self, queries: QueryVectors, keys: Sequence[bytes], depth: int) -> None:
        self._queries = queries
        self._rows = {key: row for row, key in enumerate(keys)}
        self._keys = np.full((len(queries), depth), NO_KEY, object)
        self._scores = np.full((len(queries), depth), -np.inf, np.float32)

    def add(self, keys: Sequence[bytes], vectors: NDArray[Any]) -> None:
        """Compare a batch of vectors with the query vectors, and keep those nearer than the farthest so far."""
        if not len(self._queries) or not keys:
            return
        scores = self._queries.scores(vectors)
        for column, key in enumerate(keys):
            if key in self._rows:
                scores[self._rows[key], column] = -np.inf
        rows: NDArray[np.intp] = np.flatnonzero(scores.max(axis=1) > self._scores.min(axis=1))
        depth = self._scores.shape[1]
        names = np.empty(len(keys), object)
        names[:] = keys
        both = np.concatenate([self._scores[rows], scores[rows]], axis=1)
        best = np.argpartition(-both, depth - 1, axis=1)[:, :depth]
        added = np.take(names, np.maximum(best - depth, 0))
        earlier = np.take_along_axis(self._keys[rows], np.minimum(best, depth - 1), axis=1)
        self._keys[rows] = np.where(best < depth, earlier, added)
        self._scores[rows] = np.take_along_axis(both, best, axis=1)

    def results(self) -> list[list[tuple[bytes, float]]]:
        """Return the neighbours of each query vector with their scores, the nearest first."""
        return [
            sorted(
                ((key, score) for key, score in zip(keys, scores, strict=True) if score > -np.inf),
                key=lambda each: (-each[1], each[0]),
            )
            for keys, scores in zip(self._keys.tolist(), self._scores.tolist(), strict=True)
        ]
