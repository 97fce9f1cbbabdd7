"""The sections on checks: all findings, and recall in plots."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fieldfare.report import Finding, MigrationReport
from fieldfare.report.html.markup import Html, element, joined, paragraph, section, table
from fieldfare.report.html.plots import color, dots

__all__ = ["checks_section", "findings_table", "recall_section"]

RECALL: Final = "recall@10"
KINDS: Final = {
    "predicted": ("predicted_recall", 0, True),
    "measured": (RECALL, 1, True),
    "measured, default EF_RUNTIME": (f"{RECALL}_default_ef", 2, False),
    "before, default EF_RUNTIME": (f"source_{RECALL}_default_ef", 5, False),
}
"""Label → key in the data of a finding, number of the color, and whether ``min_recall`` is required of it."""

STEP: Final = 0.05
LOWEST: Final = 0.9


def checks_section(report: MigrationReport) -> Html | None:
    """Return the section with all findings; None without any."""
    return section("Checks", findings_table(report.validation.findings), name="checks")


def findings_table(findings: Sequence[Finding]) -> Html | None:
    """Return a table of findings, those that failed first; None without any."""
    ordered = sorted(findings, key=lambda finding: (finding.passed, not finding.fatal))
    rows = [[_name(each), _verdict(each), each.detail] for each in ordered]
    return table(["Check", "Result", "Detail"], rows, stacked=True)


def recall_section(report: MigrationReport) -> Html | None:
    """Return the section with the recall that was required, predicted and measured; None if none is known."""
    measured = [each.data for each in report.validation.findings if isinstance(each.data.get(RECALL), (int, float))]
    tables = [part for change in report.changes for part in _details(change.summary, change.details)]
    return section("Recall", *_plot(measured), *tables, name="recall")


def _name(finding: Finding) -> Html:
    """Return a name such as ``recall:embedding``, which may break behind the colon."""
    kind, colon, subject = finding.name.partition(":")
    return joined([kind, colon, element("wbr") if colon else None, subject])


def _verdict(finding: Finding) -> Html:
    if finding.passed:
        return element("span", "✓ passed", class_="verdict good")
    return element("span", f"✗ {finding.severity.value}", class_=f"verdict {'bad' if finding.fatal else 'warn'}")


def _plot(measured: Sequence[Mapping[str, Any]]) -> list[Html]:
    lines: list[tuple[str, float, str]] = []
    limits: list[float | None] = []
    for facts in measured:
        for label, (key, number, is_limited) in KINDS.items():
            share, limit = facts.get(key), facts.get("min_recall")
            if isinstance(share, (int, float)):
                lines.append((f"{facts.get('field', '')}: {label}", float(share), color(number)))
                limits.append(float(limit) if is_limited and isinstance(limit, (int, float)) else None)
    if not lines:
        return []
    least = min(share for _, share, _ in lines)
    low = max(min(LOWEST, math.floor(min(least, *(each for each in limits if each)) / STEP) * STEP), 0.0)
    queries = ", ".join(str(facts["queries"]) for facts in measured if "queries" in facts)
    return [
        paragraph(f"{RECALL}: the share of the ten nearest neighbours that the index finds; {queries} queries."),
        dots(lines, limits, low),
        element("p", "The vertical line is the required minimum.", class_="quiet"),
    ]


def _details(summary: str, details: Mapping[str, Any]) -> Iterator[Html]:
    """Yield the tables of figures that a plugin gave with its claim."""
    for title, value in details.items():
        if not isinstance(value, (list, tuple)) or not value or not all(isinstance(row, Mapping) for row in value):
            continue
        headers = list(dict.fromkeys(key for row in value for key in row))
        numbers = [
            position
            for position, header in enumerate(headers)
            if any(isinstance(row.get(header), (int, float)) for row in value)
        ]
        rows = [[_cell(row.get(header)) for header in headers] for row in value]
        found = table([each.replace("_", " ") for each in headers], rows, numbers=numbers)
        if found is not None:
            yield element("h3", f"{title.capitalize()}: {summary}")
            yield found


def _cell(value: object) -> str:
    return "-" if value is None else str(value)
