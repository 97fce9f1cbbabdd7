"""A migration report as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.cli.comparison_text import comparison_text
from fieldfare.cli.output import bullets, show, show_json, table
from fieldfare.cli.session import Session
from fieldfare.documents import Note
from fieldfare.errors import MigrationIncomplete
from fieldfare.report import Finding, MigrationReport, Result, Timings
from fieldfare.support.units import bytes_text, seconds_text
from fieldfare.support.wording import counted

if TYPE_CHECKING:
    from fieldfare.comparison import IndexComparison

__all__ = ["report_text", "show_failure", "show_report"]

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


def show_report(session: Session, report: MigrationReport, *, title: str = "", **more: str) -> None:
    """Show a report as text with this title, or as JSON with ``more`` beside it."""
    if session.json:
        from fieldfare.report.file import report_to_dict  # noqa: PLC0415 - start-up time

        show_json({**report_to_dict(report), **more})
    else:
        show(report_text(report, title=title))


def show_failure(session: Session, error: MigrationIncomplete) -> None:
    """Show the report of a run that failed, and what its queries found; with --json the error says both."""
    if error.report is not None and not session.json:
        show(report_text(error.report, comparison=getattr(error, "comparison", None)))


def report_text(report: MigrationReport, *, title: str = "", comparison: IndexComparison | None = None) -> str:
    """Return a report as text.

    Args:
        report: the report of a run.
        title: replaces the title of the result.
        comparison: of the user's queries, which becomes a table of its own.
    """
    names = report.index if report.index == report.target else f"{report.index} → {report.target}"
    headline = f"{title or RESULTS[report.result.value]}: {names}"
    notes = "\n".join(
        bullets("Documents that were not converted like the others:", [_note(note) for note in report.notes])
    )
    if report.result is Result.NOTHING_TO_DO and report.validation.passed:
        # a run that was killed right after its end has told nobody
        return f"{headline}\n\n{notes}" if notes else headline
    blocks = [
        headline,
        *_findings(report.validation.findings, comparison),
        *_timings(report.timings),
        *_memory(report),
        *_latency(report),
        "\n".join(bullets("Warnings:", report.warnings)),
        notes,
    ]
    if report.error:
        blocks.append(f"Error: {report.error}")
    return "\n\n".join(block for block in blocks if block)


def _findings(findings: tuple[Finding, ...], comparison: IndexComparison | None) -> list[str]:
    shown = [each for each in findings if comparison is None or each.name.partition(":")[0] != OVERLAP]
    rows = [[each.name, _verdict(each), each.detail] for each in shown]
    blocks = [table(["Check", "Passed", "Detail"], rows)] if rows else []
    return blocks if comparison is None else [*blocks, comparison_text(comparison)]


def _verdict(finding: Finding) -> str:
    return "yes" if finding.passed else f"NO ({finding.severity.value})"


def _timings(timings: Timings) -> list[str]:
    spent = [(name, getattr(timings, attribute)) for name, attribute in TIMINGS]
    rows = [[name, seconds_text(seconds)] for name, seconds in spent if seconds]
    return [table(["Activity", "Time"], rows)] if rows else []


def _memory(report: MigrationReport) -> list[str]:
    figures = report.memory
    rows = []
    for name, key in MEMORY:
        before, after = figures.get(f"{key}_before", 0.0), figures.get(f"{key}_after")
        if after is not None and (before or after):
            share = f" ({round(100 * (after - before) / before):+d}%)" if before else ""
            rows.append([name, _mebibytes(before), _mebibytes(after), f"{_mebibytes(after - before)}{share}"])
    return [table(["Memory", "Before", "After", "Change"], rows)] if rows else []


def _latency(report: MigrationReport) -> list[str]:
    figures = report.latency
    if not figures:
        return []
    times = [f"{figures[key]:.1f} ms" for key in ("median_ms", "p99_ms", "worst_ms")]
    return [table(["Server's answer time", "Median", "p99", "Worst"], [[f"{figures['probes']:,} probes", *times]])]


def _mebibytes(count: float) -> str:
    return bytes_text(count * 1024 * 1024)


def _note(note: Note) -> str:
    keys = ", ".join(key.decode("utf-8", "backslashreplace") for key in note.keys)
    detail = f": {note.detail}" if note.detail else ""
    where = f" in {note.field}" if note.field else ""
    return f"{note.kind}{where}, {counted(note.count, 'document')}{detail} (such as {keys})"
