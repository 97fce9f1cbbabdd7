"""A comparison as findings of a validation."""

from __future__ import annotations

from typing import Any

from fieldfare.comparison.model import IndexComparison, QueryComparison
from fieldfare.report import Finding
from fieldfare.support.wording import counted

__all__ = ["comparison_findings"]


def comparison_findings(comparison: IndexComparison) -> list[Finding]:
    """Return a finding for each query, and one for all of them together if something is required of that.

    Each fails the run if it fails.
    """
    findings = [_finding(each) for each in comparison.queries]
    if comparison.min_mean_overlap is not None:
        findings.append(
            Finding(
                "overlap",
                comparison.mean_passed,
                detail=f"mean overlap {comparison.mean_overlap:.3f}, at least {comparison.min_mean_overlap:g} required",
                data={"mean_overlap": comparison.mean_overlap, "min_mean_overlap": comparison.min_mean_overlap},
            )
        )
    return findings


def _finding(query: QueryComparison) -> Finding:
    name = f"overlap:{query.name}"
    if query.error or query.results is None:
        return Finding(name, passed=False, detail=query.error)
    detail = (
        f"overlap {query.overlap:.3f} of {counted(query.compared, 'result')}, at least {query.min_overlap:g} required; "
        f"{counted(query.results.index, 'result')} before, {query.results.against:,} now"
    )
    data: dict[str, Any] = {"overlap": query.overlap, "min_overlap": query.min_overlap, "compared": query.compared}
    data["results"] = {"before": query.results.index, "now": query.results.against}
    if query.scores is not None:
        data["largest_score_difference"] = query.scores.largest_difference
    if query.latency is not None:
        data["median_ms"] = {"before": query.latency.index.median, "now": query.latency.against.median}
        data["p99_ms"] = {"before": query.latency.index.p99, "now": query.latency.against.p99}
    return Finding(name, query.passed, detail=detail, data=data)
