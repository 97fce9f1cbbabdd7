"""A migration report as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from fieldfare.support.text_layout import Style, bullets
from fieldfare.support.text_layout import table as text_table
from fieldfare.support.units import bytes_text, seconds_text
from fieldfare.support.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping
    from enum import StrEnum

    from fieldfare.documents import Note
    from fieldfare.report.findings import Finding

__all__ = ["report_line", "report_text"]

OVERLAP: Final = "overlap"
"""The findings of a comparison are called so, or begin so."""

RESULTS: Final = {
    "succeeded": "Migration succeeded",
    "nothing_to_do": "Nothing to do: the index matches the plan",
    "failed": "Failed",
    "rolled_back": "Rolled back",
}
TIMINGS: Final = (
    ("enumerate keys", "enumerate_duration_seconds"),
    ("back up originals", "dump_duration_seconds"),
    ("drop index", "drop_duration_seconds"),
    ("rewrite documents", "quantize_duration_seconds"),
    ("create index", "create_duration_seconds"),
    ("wait for indexing", "index_duration_seconds"),
    ("validate", "validate_duration_seconds"),
    ("total", "total_duration_seconds"),
    ("index unavailable", "downtime_duration_seconds"),
    ("throttled or paused", "throttled_duration_seconds"),
)
MEMORY: Final = (
    ("vectors", "vector_index_mb"),
    ("index without vectors", "without_vectors_mb"),
    ("total", "memory_mb"),
)


class ShownReport(Protocol):
    """What is shown of a report: :class:`~fieldfare.report.model.MigrationReport`, which must not be imported here."""

    @property
    def index(self) -> str:
        """The source index."""

    @property
    def target(self) -> str:
        """The target index."""

    @property
    def result(self) -> StrEnum:
        """How the run ended."""

    @property
    def timings(self) -> Any:
        """Seconds per activity."""

    @property
    def validation(self) -> Any:
        """The findings."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know."""

    @property
    def notes(self) -> tuple[Note, ...]:
        """Documents that were not converted as usual."""

    @property
    def memory(self) -> Mapping[str, float]:
        """MiB before and after."""

    @property
    def latency(self) -> Mapping[str, float]:
        """Milliseconds that the server took to answer."""

    @property
    def error(self) -> str | None:
        """Why the run failed."""


def report_line(report: ShownReport) -> str:
    """Return a report in one line."""
    names = report.index if report.index == report.target else f"{report.index} → {report.target}"
    failed = sum(not each.passed for each in report.validation.findings)
    checks = f", {counted(failed, 'check')} failed" if failed else ""
    return f"{names}: {report.result.value}{checks}, {seconds_text(report.timings.total_duration_seconds)}"


def report_text(
    report: ShownReport,
    *,
    title: str = "",
    comparison: str = "",
    width: int | None = None,
    style: Style | None = None,
) -> str:
    """Return a report as text.

    Args:
        report: the report of a run.
        title: replaces the title of the result.
        comparison: the comparison of the user's queries, as text; replaces the findings about them.
        width: the width of a line of a table; None for lines of any length.
        style: the style of the lines of tables.
    """

    def table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        return text_table(headers, rows, width, style) if rows else ""

    names = report.index if report.index == report.target else f"{report.index} → {report.target}"
    headline = f"{title or RESULTS[report.result.value]}: {names}"
    notes = "\n".join(
        bullets("Documents that were not converted like the others:", [_note(note) for note in report.notes])
    )
    if report.result.value == "nothing_to_do" and report.validation.passed:
        # a run that was killed right after its end has told nobody
        return f"{headline}\n\n{notes}" if notes else headline
    blocks = [
        headline,
        table(["Check", "Passed", "Detail"], _findings(report.validation.findings, besides_queries=bool(comparison))),
        comparison,
        table(["Activity", "Time"], _timings(report.timings)),
        table(["Memory", "Before", "After", "Change"], _memory(report)),
        table(["Server's answer time", "Median", "p99", "Worst"], _latency(report)),
        "\n".join(bullets("Warnings:", report.warnings)),
        notes,
    ]
    if report.error:
        blocks.append(f"Error: {report.error}")
    return "\n\n".join(block for block in blocks if block)


def _findings(findings: tuple[Finding, ...], *, besides_queries: bool) -> list[list[str]]:
    shown = [each for each in findings if not besides_queries or each.name.partition(":")[0] != OVERLAP]
    return [[each.name, _verdict(each), each.detail] for each in shown]


def _verdict(finding: Finding) -> str:
    return "yes" if finding.passed else f"NO ({finding.severity.value})"


def _timings(timings: object) -> list[list[str]]:
    spent = [(name, getattr(timings, attribute)) for name, attribute in TIMINGS]
    return [[name, seconds_text(seconds)] for name, seconds in spent if seconds]


def _memory(report: ShownReport) -> list[list[str]]:
    figures = report.memory
    rows = []
    for name, key in MEMORY:
        before, after = figures.get(f"{key}_before", 0.0), figures.get(f"{key}_after")
        if after is not None and (before or after):
            share = f" ({round(100 * (after - before) / before):+d}%)" if before else ""
            rows.append([name, _mebibytes(before), _mebibytes(after), f"{_change(after - before)}{share}"])
    return rows


def _latency(report: ShownReport) -> list[list[str]]:
    figures = report.latency
    if not figures:
        return []
    times = [f"{figures[key]:.1f} ms" for key in ("median_ms", "p99_ms", "worst_ms")]
    return [[f"{figures['probes']:,} probes", *times]]


def _mebibytes(count: float) -> str:
    return bytes_text(count * 1024 * 1024)


def _change(count: float) -> str:
    text = _mebibytes(count)
    return f"+{text}" if count > 0 else text


def _note(note: Note) -> str:
    keys = ", ".join(key.decode("utf-8", "backslashreplace") for key in note.keys)
    detail = f": {note.detail}" if note.detail else ""
    where = f" in {note.field}" if note.field else ""
    return f"{note.kind}{where}, {counted(note.count, 'document')}{detail} (such as {keys})"
