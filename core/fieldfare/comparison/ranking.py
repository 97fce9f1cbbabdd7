"""The results of FT.SEARCH: which of them two indexes share, and how far their scores differ.

Documents with equal scores stand in any order, and which of them end up among the first is chance. So an index is asked
for its own score of each document that only the other one returned.
"""

from __future__ import annotations

from math import isclose, isfinite, isnan
from typing import Final, TypeAlias

from attrs import frozen

from fieldfare.comparison.model import Scores
from fieldfare.queries.arguments import SortOrder

__all__ = ["Ranking", "Score", "overlap", "score_differences"]

Score: TypeAlias = float | bytes | None
"""By which results are sorted: a number, or a text of the document."""

RELATIVE: Final = 1e-6
ABSOLUTE: Final = 1e-9


@frozen(hash=False)
class Ranking:
    """The first results of an index.

    Attributes:
        total: how many there are in all.
        scores: key → score, the best first.
        order: by what they are sorted.
        others: key → score of documents that only the other index returned; those that this index does not find at
            all are not among them.
    """

    total: int
    scores: dict[bytes, Score]
    order: SortOrder
    others: dict[bytes, Score]

    @property
    def last(self) -> Score:
        """The score of the last result; None without results."""
        return next(reversed(self.scores.values()), None)

    def ties(self, key: bytes) -> bool:
        """Whether one of the other documents could have been the last result as well."""
        return bool(self.scores) and key in self.others and _equal(self.others[key], self.last)

    def is_better(self, key: bytes) -> bool:
        """Whether one of the other documents should have been among the results: an approximate search missed it."""
        if key not in self.others:
            return False
        score, last = self.others[key], self.last
        if isinstance(score, float) and isinstance(last, float):
            return score > last if self.order.descending else score < last
        return False


def overlap(first: Ranking, second: Ranking) -> float:
    """Return the share of the first index's results that the second one finds.

    A result of the second index counts if the first one has it, too, or if by the first one's own score it is as good
    as its last. A result of the first one that is missing also counts if by the second one's score it ties with its
    last: then another document has its place by chance.
    """
    if not first.scores:
        return 0.0 if second.scores else 1.0
    common = first.scores.keys() & second.scores.keys()
    as_good = [key for key in second.scores if key not in common and (first.ties(key) or first.is_better(key))]
    displaced = [key for key in first.scores if key not in common and second.ties(key)]
    places = [
        key
        for key in second.scores
        if key not in common and key not in as_good and _equal(second.scores[key], second.last)
    ]
    found = len(common) + len(as_good) + min(len(displaced), len(places))
    return min(found / len(first.scores), 1.0)


def score_differences(first: Ranking, second: Ranking) -> Scores | None:
    """Return how far the scores of the documents differ that both returned; None if there are no numbers to compare."""
    pairs = [
        (mine, other)
        for key, mine in first.scores.items()
        if isinstance(mine, float) and isinstance(other := second.scores.get(key), float)
        if isfinite(mine) and isfinite(other)
    ]
    if not pairs:
        return None
    largest = max(abs(mine - other) for mine, other in pairs)
    scale = max(abs(mine) for mine, _ in pairs)
    return Scores(largest, largest / scale if scale else float(largest > 0))


def _equal(one: Score, other: Score) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE) or (isnan(one) and isnan(other))
    return one == other
