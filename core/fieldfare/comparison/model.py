"""The result of a comparison. Data only."""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from attrs import frozen

__all__ = ["MIN_OVERLAP", "IndexComparison", "Latency", "Pair", "QueryComparison", "Scores"]

T = TypeVar("T")

MIN_OVERLAP: Final = 0.9
"""The least overlap that passes if nobody asks for another one."""

ROUNDING: Final = 1e-9


@frozen
class Pair(Generic[T]):
    """A figure of both indexes.

    Attributes:
        index: the number of results of the first index.
        against: the number of results of the second index.
    """

    index: T
    against: T


@frozen
class Latency:
    """How long an index took to answer, as the client saw it, in milliseconds.

    Attributes:
        median: the median of all answers.
        p99: 99 of 100 answers took no longer.
    """

    median: float
    p99: float


@frozen
class Scores:
    """How far the scores or distances of the same documents differ.

    Attributes:
        largest_difference: between two scores of one document.
        relative_difference: the same, in proportion to the largest score of the first index.
    """

    largest_difference: float
    relative_difference: float


@frozen
class QueryComparison:
    """How two indexes answered one query.

    Attributes:
        name: the name of the query.
        overlap: share of the first index's results that the second one finds; 0.0 if one of them gave no answer.
        min_overlap: the least that passes.
        compared: how many results of the first index were compared.
        results: how many each index found in all; None if it gave no answer.
        scores: how far they differ; None if no document is found by both, or none has a numeric score.
        latency: None if one of them gave no answer.
        error: why there is no answer; "" if there is one.
    """

    name: str
    overlap: float
    min_overlap: float
    compared: int = 0
    results: Pair[int] | None = None
    scores: Scores | None = None
    latency: Pair[Latency] | None = None
    error: str = ""

    @property
    def count_ratio(self) -> float:
        """The smaller of the two numbers of results in proportion to the larger one."""
        if self.results is None:
            return 0.0
        fewer, more = sorted((self.results.index, self.results.against))
        return fewer / more if more else 1.0

    @property
    def passed(self) -> bool:
        """Whether both found the same, as far as is required."""
        return not self.error and min(self.overlap, self.count_ratio) >= self.min_overlap - ROUNDING


@frozen(hash=False)
class IndexComparison:
    """How two indexes answered all queries.

    Attributes:
        index: the first index.
        against: the second one.
        queries: one comparison for each query.
        documents: how many each index holds.
        differences: how the definitions differ, one line each; this does not count.
        min_mean_overlap: the least overlap of all queries together that passes; None if nothing is required of it.
        latency: the latency of all queries together; None if there was no answer.
    """

    index: str
    against: str
    queries: tuple[QueryComparison, ...]
    documents: Pair[int]
    differences: tuple[str, ...] = ()
    min_mean_overlap: float | None = None
    latency: Pair[Latency] | None = None

    @property
    def mean_overlap(self) -> float:
        """The overlap of all queries together; 1.0 without a query."""
        return sum(each.overlap for each in self.queries) / len(self.queries) if self.queries else 1.0

    @property
    def mean_passed(self) -> bool:
        """Whether the overlap of all queries together is as large as required."""
        return self.min_mean_overlap is None or self.mean_overlap >= self.min_mean_overlap - ROUNDING

    @property
    def passed(self) -> bool:
        """Whether every query passed, and all of them together."""
        return self.mean_passed and all(each.passed for each in self.queries)
