"""Latencies: medians, and what all but a few answers take."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from statistics import median
from typing import Final

from fieldfare.comparison.model import Latency

__all__ = ["summarize"]

P99: Final = 0.99
MILLISECONDS: Final = 1000


def summarize(seconds: Sequence[float]) -> Latency:
    """Return the median and the 99th percentile (nearest rank) of times in seconds, in milliseconds."""
    ordered = sorted(seconds)
    rank = ceil(P99 * len(ordered))
    return Latency(MILLISECONDS * median(ordered), MILLISECONDS * ordered[rank - 1])
