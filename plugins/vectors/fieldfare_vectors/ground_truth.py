"""The true nearest neighbours of a document, and the recall of what an index finds."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

import msgpack
from attrs import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["STORED_NEIGHBOURS", "TOP_K", "GroundTruth", "mean_recall", "recall_of_results"]

TOP_K: Final = 10
"""How many neighbours recall@10 compares."""

STORED_NEIGHBOURS: Final = 32
"""How many neighbours are stored: some may be deleted during the run, and some may be as near as the tenth."""

TOLERANCE: Final = 1e-6
"""Neighbours whose scores differ by less, relative to the largest score, are equally near."""


@frozen
class GroundTruth:
    """The nearest documents of one document, found by an exhaustive search.

    Attributes:
        neighbours: key → score, the nearest first and with the highest score.
        source_recall: recall@10 of the source index with its own EF_RUNTIME; None if it could not be queried.
        source_recall_wide_ef: recall@10 of the source index with the wide EF_RUNTIME.
        source_has_undefined: whether the source index found documents without a distance.
    """

    neighbours: Mapping[bytes, float]
    source_recall: float | None = None
    source_recall_wide_ef: float | None = None
    source_has_undefined: bool = False

    @classmethod
    def from_bytes(cls, value: bytes) -> GroundTruth:
        """Read the result of :meth:`to_bytes`."""
        pairs, *source = msgpack.unpackb(value)  # version 0.1 wrote the two figures only
        return cls(dict(pairs), *source)

    def to_bytes(self) -> bytes:
        """Return the form in which a backup stores it."""
        source = self.source_recall, self.source_recall_wide_ef, self.source_has_undefined
        packed: bytes = msgpack.packb([list(self.neighbours.items()), *source])
        return packed

    def restricted_to(self, keys: Collection[bytes]) -> GroundTruth:
        """Return a copy that has only neighbours with these keys."""
        return evolve(self, neighbours={key: score for key, score in self.neighbours.items() if key in keys})

    @property
    def nearest(self) -> frozenset[bytes]:
        """The documents that recall@10 looks for."""
        return frozenset(islice(self.neighbours, TOP_K))

    @property
    def may_have_unstored_ties(self) -> bool:
        """Whether documents that are not stored may be as near as the tenth neighbour."""
        scores = list(self.neighbours.values())
        return len(scores) >= TOP_K and scores[-1] >= self._least_score(TOP_K)

    def recall(
        self, found: Sequence[bytes], other_scores: Mapping[bytes, float], ignored: Collection[bytes]
    ) -> float | None:
        """Return the share of the true neighbours that an index found.

        A document that is as near as the last true neighbour counts as one. Each ignored document among the first
        ten results lowers the number of neighbours that have to be found by one.

        Args:
            found: keys that the index gave, the nearest first, without the query document.
            other_scores: scores of documents that are not stored, as far as they matter.
            ignored: documents that do not count, such as those that were added during the run.

        Returns:
            None if there is nothing to find.
        """
        depth = min(TOP_K - len(set(found[:TOP_K]) & set(ignored)), len(self.neighbours))
        if depth < 1:
            return None
        least = self._least_score(depth)
        scores = {**other_scores, **self.neighbours}
        counted = [key for key in found if key not in ignored][:depth]
        return sum(scores.get(key, float("-inf")) >= least for key in counted) / depth

    def _least_score(self, depth: int) -> float:
        scores = list(self.neighbours.values())
        return scores[depth - 1] - TOLERANCE * max(map(abs, scores))


def recall_of_results(
    truths: Sequence[GroundTruth],
    results: Sequence[Sequence[bytes]],
    other_scores: Mapping[bytes, Sequence[float]],
    ignored: Collection[bytes] = (),
) -> list[float | None]:
    """Return :meth:`GroundTruth.recall` of each query.

    Args:
        truths: the true neighbours.
        results: keys that an index gave.
        other_scores: documents that are not stored → their score for each query.
        ignored: documents that do not count.
    """
    return [
        truth.recall(found, {key: other_scores[key][row] for key in found if key in other_scores}, ignored)
        for row, (truth, found) in enumerate(zip(truths, results, strict=True))
    ]


def mean_recall(values: Sequence[float | None]) -> float | None:
    """Return the mean of the known values, rounded to four digits; None if none is known."""
    known = [each for each in values if each is not None]
    return round(sum(known) / len(known), 4) if known else None
