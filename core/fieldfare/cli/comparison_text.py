"""A comparison of two indexes as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fieldfare.cli.output import bullets, table
from fieldfare.support.wording import counted

if TYPE_CHECKING:
    from fieldfare.comparison import IndexComparison, QueryComparison

__all__ = ["comparison_document", "comparison_text"]


def comparison_document(comparison: IndexComparison) -> dict[str, Any]:
    """Return a comparison as JSON values."""
    from attrs import asdict  # noqa: PLC0415 - start-up time

    return {
        "version": 1,
        "passed": comparison.passed,
        "mean_overlap": comparison.mean_overlap,
        **asdict(comparison, filter=lambda attribute, _: attribute.name != "queries"),
        "differences": list(comparison.differences),
        "queries": [
            {"passed": each.passed, "count_ratio": each.count_ratio, **asdict(each)} for each in comparison.queries
        ],
    }


def comparison_text(comparison: IndexComparison) -> str:
    """Return a comparison as a table of the queries, with what differs too much below it."""
    verdict = "Comparison passed" if comparison.passed else "Comparison FAILED"
    documents = comparison.documents
    rows = [_row(each) for each in comparison.queries]
    failed = [f"{each.name}: {_reason(each)}" for each in comparison.queries if not each.passed]
    if not comparison.mean_passed:
        failed.append(
            f"all queries together: overlap {comparison.mean_overlap:.3f}, {comparison.min_mean_overlap:g} required"
        )
    return "\n".join(
        [
            f"{verdict}: {comparison.index} against {comparison.against}",
            "",
            table(["Query", "Overlap", "Results", "Score ±", "Median ms", ""], rows),
            "",
            f"Mean overlap: {comparison.mean_overlap:.3f} of {counted(len(rows), 'query', 'queries')}",
            f"Documents:    {documents.index:,} and {documents.against:,}",
            *_latency(comparison),
            *bullets("\nDefinitions differ (this does not count):", comparison.differences),
            *bullets("\nToo little overlaps:", failed),
        ]
    )


def _row(query: QueryComparison) -> list[str]:
    results, latency, scores = query.results, query.latency, query.scores
    return [
        query.name,
        "-" if results is None else f"{query.overlap:.3f}",
        "-" if results is None else _both(f"{results.index:,}", f"{results.against:,}"),
        "-" if scores is None else f"{scores.largest_difference:.2g}",
        "-" if latency is None else f"{latency.index.median:.2f}, {latency.against.median:.2f}",
        "" if query.passed else "NO",
    ]


def _both(index: str, against: str) -> str:
    return index if index == against else f"{index}, {against}"


def _reason(query: QueryComparison) -> str:
    if query.error or query.results is None:
        return query.error
    if query.overlap < query.min_overlap:
        return f"overlap {query.overlap:.3f}, {query.min_overlap:g} required"
    results = query.results
    return f"{results.index:,} and {results.against:,} results: a ratio of {query.min_overlap:g} is required"


def _latency(comparison: IndexComparison) -> list[str]:
    latency = comparison.latency
    if latency is None:
        return []
    figures = (
        f"{name} {each.median:.2f} ms, p99 {each.p99:.2f} ms"
        for name, each in ((comparison.index, latency.index), (comparison.against, latency.against))
    )
    return [f"Latency:      {'; '.join(figures)}"]
