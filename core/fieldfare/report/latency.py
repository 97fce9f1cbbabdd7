"""How long the server took to answer during a run: a histogram of bounded size. Data only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

__all__ = ["LatencyHistogram"]

GROWTH: Final = 1.05
"""Each bucket ends at so many times the end of the one before: a figure is at most 5 % too high."""


@frozen(hash=False)
class LatencyHistogram:
    """The answer times that were measured, in buckets.

    Attributes:
        counts: number of a bucket, as text → how many times lie in it. Bucket n ends at 1.05 to the power n, in
            milliseconds.
        worst: the longest, in milliseconds.
    """

    counts: Mapping[str, int] = field(factory=dict)
    worst: float = 0.0

    @property
    def count(self) -> int:
        """How many times were measured."""
        return sum(self.counts.values())

    def add(self, milliseconds: float) -> LatencyHistogram:
        """Return it with another time."""
        bucket = str(math.ceil(math.log(max(milliseconds, 1e-6), GROWTH)))
        counts = {**self.counts, bucket: self.counts.get(bucket, 0) + 1}
        return LatencyHistogram(counts, max(self.worst, milliseconds))

    def percentile(self, share: float) -> float:
        """Return the milliseconds within which a share (0 to 1) of the answers came.

        Raises:
            ValueError: none was measured.
        """
        wanted = max(math.ceil(share * self.count), 1)
        seen = 0
        for bucket in sorted(map(int, self.counts)):
            seen += self.counts[str(bucket)]
            if seen >= wanted:
                return min(GROWTH**bucket, self.worst)
        raise ValueError("no latency was measured")
