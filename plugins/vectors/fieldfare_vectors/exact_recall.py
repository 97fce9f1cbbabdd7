"""Recall of converted vectors: both sides are searched exhaustively."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from attrs import frozen

from fieldfare_vectors.values import cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["DEPTHS", "VectorSpace", "compute_recall"]

DEPTHS: Final = (10, 100)
"""The numbers of neighbours that are compared."""

INEXACT: Final = ("float16", "bfloat16")
"""The datatypes in which a vector normalized to length one has another length, because its values are rounded."""

BLOCK: Final = 100
"""How many vectors are compared, or rounded, at once; bounds the memory."""

TOLERANCE: Final = 1e-6
"""Neighbours whose scores differ by less, relative to the largest score, are equally near."""


@frozen(eq=False)
class VectorSpace:
    """Vectors prepared for one metric, so that a matrix product ranks them.

    Attributes:
        vectors: rows of ``dims`` values.
        penalty: one number a row, subtracted from its score.
    """

    vectors: NDArray[np.float32]
    penalty: NDArray[np.float32]

    @classmethod
    def of(cls, vectors: NDArray[Any], metric: str) -> VectorSpace:
        """Prepare vectors.

        Args:
            vectors: rows of ``dims`` values, as Redis has them: floats or codes.
            metric: ``cosine``, ``l2`` or ``ip``.
        """
        values = vectors.astype(np.float32)
        # The ranking stays the same if all vectors are scaled alike, and no square overflows then.
        peak = float(max(values.max(initial=0), -values.min(initial=0))) or 1.0
        if not np.isfinite(peak):
            finite = np.isfinite(values)
            peak = float(max(values.max(where=finite, initial=0), -values.min(where=finite, initial=0))) or 1.0
            np.nan_to_num(values, copy=False, posinf=peak, neginf=-peak)
        values /= np.float32(peak)
        penalty = np.zeros(len(values), np.float32)
        if metric == "cosine":
            lengths = np.sqrt(np.einsum("ij,ij->i", values, values))[:, np.newaxis]
            values = np.divide(values, lengths, out=values, where=lengths > 0)
        elif metric == "l2" and len(values):
            # Distances stay the same, and float32 keeps more of them.
            values -= values.mean(axis=0, dtype=np.float64).astype(np.float32)
            penalty = np.einsum("ij,ij->i", values, values) / 2
        return cls(values, penalty)

    @classmethod
    def indexed(cls, vectors: NDArray[Any], datatype: str, metric: str) -> VectorSpace:
        """Prepare vectors as an index of a datatype compares them.

        Under cosine, Redis normalizes floats to length one when it indexes them, rounds them to their own datatype,
        and takes the length for exact. The error of the length is part of every distance; where directions differ
        little, as among vectors far from the origin, it is a large part.

        Args:
            vectors: rows of ``dims`` values of the datatype.
            datatype: the datatype of the index.
            metric: ``cosine``, ``l2`` or ``ip``.
        """
        if metric != "cosine" or datatype not in INEXACT:
            return cls.of(vectors, metric)
        exact = cls.of(vectors, metric)
        for start in range(0, len(vectors), BLOCK):
            block = exact.vectors[start : start + BLOCK]
            block[:] = cast(block, datatype)
        return exact

    def scores(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the score of every vector for these rows as queries: the nearer the higher, a row itself last."""
        scores: NDArray[np.float32] = self.vectors[rows] @ self.vectors.T - self.penalty
        scores[np.arange(len(rows)), rows] = -np.inf
        return scores


@frozen(eq=False)
class _Truth:
    """The true neighbours of some of the query vectors.

    Attributes:
        rows: the query vectors.
        exact: the score of every vector, a row for each of them.
        least: the least score of a true neighbour: for each of them, and each depth.
    """

    rows: NDArray[np.intp]
    exact: NDArray[np.float32]
    least: NDArray[np.float32]


def compute_recall(
    before: VectorSpace, after: Iterable[VectorSpace], queries: NDArray[np.intp]
) -> Iterator[dict[int, float]]:
    """Yield the recall of each converted space, at each of :data:`DEPTHS`.

    A neighbour that is as near as the last true one counts as true.
    Memory: a score for each query and vector, and one converted space at a time.

    Args:
        before: the vectors as they are.
        after: the same vectors, converted.
        queries: rows whose neighbours are searched; no row is its own neighbour.

    Yields:
        For each space, depth → share of neighbours found, 0 to 1. Depths for which there are too few vectors are
        left out.
    """
    depths = [depth for depth in DEPTHS if depth < len(before.vectors) - 1] if len(queries) else []
    blocks = [queries[start : start + BLOCK] for start in range(0, len(queries), BLOCK)] if depths else []
    truths = [_truth(before, rows, depths) for rows in blocks]
    del before
    for space in after:
        hits = np.zeros(len(depths))
        for truth in truths:
            found = _best(space.scores(truth.rows), depths[-1])
            scores = np.take_along_axis(truth.exact, found, axis=1)
            for column, depth in enumerate(depths):
                hits[column] += (scores[:, :depth] >= truth.least[:, column, np.newaxis]).mean(axis=1).sum()
        del space  # the next one is as large
        yield dict(zip(depths, (hits / max(len(queries), 1)).tolist(), strict=True))


def _truth(space: VectorSpace, rows: NDArray[np.intp], depths: Sequence[int]) -> _Truth:
    exact = space.scores(rows)
    largest = max(exact.max(initial=0), -exact.min(where=np.isfinite(exact), initial=0))
    places = [exact.shape[1] - depth for depth in depths]
    return _Truth(rows, exact, np.partition(exact, places, axis=1)[:, places] - np.float32(TOLERANCE) * largest)


def _best(scores: NDArray[np.float32], depth: int) -> NDArray[np.intp]:
    """Return the columns with the highest scores of each row, the highest first."""
    columns = np.argpartition(scores, -depth, axis=1)[:, -depth:]
    order = np.argsort(-np.take_along_axis(scores, columns, axis=1), axis=1, kind="stable")
    return np.take_along_axis(columns, order, axis=1)
