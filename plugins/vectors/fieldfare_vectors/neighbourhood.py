"""The true neighbours of one document, and how many of them an index finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgpack
from attrs import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["DEPTH", "KEPT", "Neighbourhood", "mean", "shares"]

DEPTH: Final = 10
"""How many neighbours are compared."""

KEPT: Final = 32
"""How many are remembered: some may vanish, and some may be as near as the tenth."""

TOLERANCE: Final = 1e-6
"""Neighbours whose scores differ by less, relative to the largest score, are equally near."""


@frozen
class Neighbourhood:
    """The nearest documents, by an exhaustive search.

    Attributes:
        neighbours: key → score, the nearest first and with the highest score.
        before: the share of the first ten that the source index found: all, where it searches exhaustively. None if
            it could not be asked.
        before_wide: the same, where it was made to search as widely as it can.
    """

    neighbours: Mapping[bytes, float]
    before: float | None = None
    before_wide: float | None = None

    @classmethod
    def of(cls, value: bytes) -> Neighbourhood:
        """Read what :meth:`to_bytes` gave."""
        pairs, before, before_wide = msgpack.unpackb(value)
        return cls(dict(pairs), before, before_wide)

    def to_bytes(self) -> bytes:
        """Return it as a backup has it."""
        packed: bytes = msgpack.packb([list(self.neighbours.items()), self.before, self.before_wide])
        return packed

    def within(self, held: Collection[bytes]) -> Neighbourhood:
        """Return it without documents that an index does not hold any more."""
        return evolve(self, neighbours={key: score for key, score in self.neighbours.items() if key in held})

    @property
    def is_crowded(self) -> bool:
        """Whether documents that are not remembered may be as near as the tenth."""
        scores = list(self.neighbours.values())
        return len(scores) >= DEPTH and scores[-1] >= self._least(DEPTH)

    def share(
        self, found: Sequence[bytes], others: Mapping[bytes, float], strangers: Collection[bytes]
    ) -> float | None:
        """Return the share of the true neighbours among those that an index found.

        Whatever is as near as the last true one is a true one. Strangers take the place of nobody.

        Args:
            found: what the index gave, the nearest first, the question itself left out.
            others: scores of documents that are not remembered, as far as they matter.
            strangers: documents that were not there before.

        Returns:
            None if there is nothing to find.
        """
        depth = min(DEPTH - len(set(found[:DEPTH]) & set(strangers)), len(self.neighbours))
        if depth < 1:
            return None
        least = self._least(depth)
        scores = {**others, **self.neighbours}
        known = [key for key in found if key not in strangers][:depth]
        return sum(scores.get(key, float("-inf")) >= least for key in known) / depth

    def _least(self, depth: int) -> float:
        scores = list(self.neighbours.values())
        return scores[depth - 1] - TOLERANCE * max(map(abs, scores))


def shares(
    there: Sequence[Neighbourhood],
    found: Sequence[Sequence[bytes]],
    others: Mapping[bytes, Sequence[float]],
    strangers: Collection[bytes] = (),
) -> list[float | None]:
    """Return :meth:`Neighbourhood.share` for each question.

    Args:
        there: the true neighbours.
        found: what an index gave.
        others: documents that are not remembered → their score for each question.
        strangers: documents that were not there before.
    """
    return [
        each.share(answer, {key: others[key][row] for key in answer if key in others}, strangers)
        for row, (each, answer) in enumerate(zip(there, found, strict=True))
    ]


def mean(shares: Sequence[float | None]) -> float | None:
    """Return the mean of those that there are, to four digits; None if there are none."""
    known = [each for each in shares if each is not None]
    return round(sum(known) / len(known), 4) if known else None
