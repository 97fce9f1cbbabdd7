"""Recall of converted vectors: both sides are searched exhaustively."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from attrs import evolve, frozen

from fieldfare_vectors.values import NUMPY_DTYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["DEPTHS", "VectorSpace", "compute_recall"]

DEPTHS: Final = (10, 100)
"""The numbers of neighbours that are compared."""

INEXACT: Final = ("float16", "bfloat16")
"""The datatypes in which a vector normalized to length one has another length, because its values are rounded."""

BLOCK: Final = 50
"""How many queries are ranked at once; bounds the memory."""

ROWS: Final = 250
"""How many vectors are prepared at once; bounds the memory."""

TOLERANCE: Final = 1e-6
"""Neighbours whose scores differ by less, relative to the largest score, are equally near."""


@frozen(eq=False)
class VectorSpace:
    """Vectors, and how to prepare them for one metric, so that a matrix product ranks them.

    Attributes:
        vectors: rows of ``dims`` values, as Redis has them: floats or codes.
        metric: ``cosine``, ``l2`` or ``ip``.
        rounding: the datatype to which vectors of length one are rounded; None if they are not.
        peak: the largest finite magnitude. The ranking stays the same if all vectors are scaled alike, and no square
            overflows then.
        centre: the mean of the scaled vectors under ``l2``: distances from it stay the same, and float32 keeps more of
            them; otherwise 0.
    """

    vectors: NDArray[Any]
    metric: str
    rounding: str | None = None
    peak: float = 1.0
    centre: NDArray[np.float32] | float = 0.0

    @classmethod
    def of(cls, vectors: NDArray[Any], metric: str, rounding: str | None = None) -> VectorSpace:
        """Look for the peak and the centre of vectors; the arguments are those of the class."""
        blocks = range(0, len(vectors), ROWS)
        peak = max((_peak(vectors[start : start + ROWS]) for start in blocks), default=0.0) or 1.0
        space = cls(vectors, metric, rounding, peak)
        if metric != "l2" or not len(vectors):
            return space
        total = sum(space.scaled(slice(start, start + ROWS)).sum(axis=0, dtype=np.float64) for start in blocks)
        return evolve(space, centre=(total / len(vectors)).astype(np.float32))

    @classmethod
    def indexed(cls, vectors: NDArray[Any], datatype: str, metric: str) -> VectorSpace:
        """Return vectors as an index of a datatype compares them.

        Under cosine, Redis normalizes floats to length one when it indexes them, rounds them to their own datatype,
        and takes the length for exact. The error of the length is part of every distance; where directions differ
        little, as among vectors far from the origin, it is a large part.

        Args:
            vectors: rows of ``dims`` values of the datatype.
            datatype: the datatype of the index.
            metric: ``cosine``, ``l2`` or ``ip``.
        """
        return cls.of(vectors, metric, datatype if metric == "cosine" and datatype in INEXACT else None)

    def scaled(self, rows: slice | NDArray[np.intp]) -> NDArray[np.float32]:
        """Return some vectors, none of whose values is larger than 1."""
        values = self.vectors[rows].astype(np.float32)
        if not np.isfinite(values).all():
            np.nan_to_num(values, copy=False, posinf=self.peak, neginf=-self.peak)
        values /= np.float32(self.peak)
        return values

    def prepared(self, rows: slice | NDArray[np.intp]) -> NDArray[np.float32]:
        """Return some vectors such that products of them rank their neighbours."""
        values = self.scaled(rows)
        if self.metric == "cosine":
            lengths = np.sqrt(np.einsum("ij,ij->i", values, values))[:, np.newaxis]
            values = np.divide(values, lengths, out=values, where=lengths > 0)
        elif self.metric == "l2":
            values -= self.centre
        if self.rounding is None:
            return values
        return values.astype(NUMPY_DTYPES[self.rounding]).astype(np.float32)  # no value is too large

    def scores(self, rows: NDArray[np.intp]) -> list[NDArray[np.float32]]:
        """Return the score of every vector for these rows as queries: the nearer the higher, a row itself last.

        Returns:
            A matrix for each :data:`BLOCK` queries: the free memory that smaller ones have left has place for it.
        """
        parts = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
        queries = self.prepared(rows)
        scores = [np.empty((len(part), len(self.vectors)), np.float32) for part in parts]
        for start in range(0, len(self.vectors), ROWS):
            values = self.prepared(slice(start, start + ROWS))
            found = queries @ values.T  # one product: many small ones take a third more time
            if self.metric == "l2":
                found -= np.einsum("ij,ij->i", values, values) / 2
            for place, block in enumerate(scores):
                block[:, start : start + ROWS] = found[place * BLOCK : (place + 1) * BLOCK]
        for block, part in zip(scores, parts, strict=True):
            block[np.arange(len(part)), part] = -np.inf
        return scores


def _peak(vectors: NDArray[Any]) -> float:
    """Return the largest magnitude that float32 can hold."""
    values = vectors.astype(np.float32, copy=False)
    with np.errstate(invalid="ignore"):  # NaN
        highest, lowest = values.max(initial=0), values.min(initial=0)
    if np.isfinite(highest) and np.isfinite(lowest):  # NaN and infinities would be among them
        return float(max(highest, -lowest))
    finite = np.isfinite(values)
    return float(max(values.max(where=finite, initial=0), -values.min(where=finite, initial=0)))


@frozen(eq=False)
class _Truth:
    """The true neighbours of some of the query vectors.

    Attributes:
        exact: the score of every vector, a row for each of them.
        least: the least score of a true neighbour: for each of them, and each depth.
    """

    exact: NDArray[np.float32]
    least: NDArray[np.float32]


def compute_recall(
    before: VectorSpace, after: Iterable[VectorSpace], queries: NDArray[np.intp]
) -> Iterator[dict[int, float]]:
    """Yield the recall of each converted space, at each of :data:`DEPTHS`.

    A neighbour that is as near as the last true one counts as true.
    Memory: two scores for each query and vector, and one converted space at a time.

    Args:
        before: the vectors as they are.
        after: the same vectors, converted.
        queries: rows whose neighbours are searched; no row is its own neighbour.

    Yields:
        For each space, depth → share of neighbours found, 0 to 1. Depths for which there are too few vectors are
        left out.
    """
    depths = [depth for depth in DEPTHS if depth < len(before.vectors) - 1] if len(queries) else []
    truths = [_truth(exact, depths) for exact in before.scores(queries)] if depths else []
    for space in after:
        hits = np.zeros(len(depths))
        for truth, block in zip(truths, space.scores(queries) if depths else (), strict=True):
            found = _best(block, depths[-1])
            scores = np.take_along_axis(truth.exact, found, axis=1)
            for column, depth in enumerate(depths):
                hits[column] += (scores[:, :depth] >= truth.least[:, column, np.newaxis]).mean(axis=1).sum()
        del space  # the next one is as large
        yield dict(zip(depths, (hits / max(len(queries), 1)).tolist(), strict=True))


def _truth(exact: NDArray[np.float32], depths: Sequence[int]) -> _Truth:
    largest = max(exact.max(initial=0), -exact.min(where=np.isfinite(exact), initial=0))
    best = exact
    least: list[NDArray[np.float32]] = []
    for depth in sorted(depths, reverse=True):  # one place at a time: numpy takes seven times as long for two
        best = np.partition(best, -depth, axis=1)[:, -depth:]
        least.insert(0, best[:, 0])
    return _Truth(exact, np.stack(least, axis=1) - np.float32(TOLERANCE) * largest)


def _best(scores: NDArray[np.float32], depth: int) -> NDArray[np.intp]:
    """Return the columns with the highest scores of each row, the highest first."""
    columns = np.argpartition(scores, -depth, axis=1)[:, -depth:]
    order = np.argsort(-np.take_along_axis(scores, columns, axis=1), axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1)
