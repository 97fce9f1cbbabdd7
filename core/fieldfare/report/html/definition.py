"""The section on what a migration changes: the changes, and the diff of the definition."""

from __future__ import annotations

from typing import Final

from fieldfare.report import MigrationReport, ReportedChange
from fieldfare.report.html.markup import Html, element, section
from fieldfare.report.html.page import badge

__all__ = ["changes_section"]

FIRST: Final = "@@ -1,"
"""Starts the head of a part at whose front nothing is left out."""

KINDS: Final = {"+": "plus", "-": "minus", "@": "gap"}


def changes_section(report: MigrationReport) -> Html | None:
    """Return the section; None if nothing is on record."""
    lines = [element("li", *_change(each)) for each in report.changes]
    return section(
        "What changed",
        element("ul", *lines) if lines else None,
        _diff(report.definition_diff),
        name="changes",
    )


def _change(change: ReportedChange) -> list[object]:
    effects = {"rewrites documents": change.rewrites_documents, "loses information": change.lossy}
    return [
        change.summary,
        " ",
        *(badge(effect, "warn" if change.lossy else "quiet") for effect, applies in effects.items() if applies),
        badge(change.plugin),
    ]


def _diff(lines: tuple[str, ...]) -> Html | None:
    shown = [
        element("span", "⋯" if line.startswith("@") else f"{line[:1]} {line[1:]}", class_=KINDS.get(line[:1], "same"))
        for line in lines
        if not line.startswith(FIRST)
    ]
    return element("pre", *shown) if shown else None
