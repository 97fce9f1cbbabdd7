"""The page of a comparison."""

from __future__ import annotations

from fieldfare.comparison.model import IndexComparison, Pair, QueryComparison
from fieldfare.report.html.markup import Html, element, section, table, visible
from fieldfare.report.html.page import badge, cards, page
from fieldfare.report.html.plots import dots

__all__ = ["comparison_page"]

STEP = 0.1


def comparison_page(comparison: IndexComparison) -> str:
    """Return the page of a comparison: what both indexes answered, query by query."""
    verdict = "Comparison passed" if comparison.passed else "Comparison failed"
    title = f"{verdict}: {comparison.index} against {comparison.against}"
    differences = element("ul", *(element("li", line) for line in comparison.differences))
    return page(
        visible(title),
        element("h1", title),
        element("p", badge("passed", "good") if comparison.passed else badge("failed", "bad")),
        cards(_facts(comparison)),
        section("Overlap", *_plot(comparison), name="overlap"),
        section("Queries", _queries(comparison), name="queries"),
        section("Definitions differ", differences if comparison.differences else None, name="differences"),
        element("footer", "Written by fieldfare."),
    )


def _facts(comparison: IndexComparison) -> dict[str, str]:
    documents, latency = comparison.documents, comparison.latency
    required = "" if comparison.min_mean_overlap is None else f", at least {comparison.min_mean_overlap:g} required"
    facts = {
        f"mean overlap{required}": f"{comparison.mean_overlap:.3f}",
        "queries passed": f"{sum(each.passed for each in comparison.queries)} of {len(comparison.queries)}",
        f"documents in {comparison.index}": f"{documents.index:,}",
        f"documents in {comparison.against}": f"{documents.against:,}",
    }
    if latency is not None:
        facts["median answer time"] = f"{latency.index.median:.2f}, {latency.against.median:.2f} ms"
    return facts


def _plot(comparison: IndexComparison) -> list[Html]:
    lines = [(each.name, each.overlap, "c0") for each in comparison.queries if each.results is not None]
    limits = [each.min_overlap for each in comparison.queries if each.results is not None]
    if not lines:
        return []
    least = min([*limits, *(overlap for _, overlap, _ in lines)])
    explained = element("p", "The vertical line is the required minimum.", class_="quiet")
    return [dots(lines, limits, max(round(least - STEP, 1), 0.0)), explained]


def _queries(comparison: IndexComparison) -> Html | None:
    headers = ["Query", "Result", "Overlap", "Results", "Score ±", "Median ms", "Problem"]
    return table(headers, [_row(each) for each in comparison.queries], stacked=True)


def _row(query: QueryComparison) -> list[object]:
    results, latency, scores = query.results, query.latency, query.scores
    return [
        query.name,
        element("span", "✓ passed", class_="verdict good")
        if query.passed
        else element("span", "✗ failed", class_="verdict bad"),
        "-" if results is None else f"{query.overlap:.3f}",
        "-" if results is None else _both(results),
        "-" if scores is None else f"{scores.largest_difference:.2g}",
        "-" if latency is None else f"{latency.index.median:.2f}, {latency.against.median:.2f}",
        query.error,
    ]


def _both(counts: Pair[int]) -> str:
    return f"{counts.index:,}" if counts.index == counts.against else f"{counts.index:,}, {counts.against:,}"
