"""The page of a batch report: an overview of all indexes, and the report of each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fieldfare.errors import FileError
from fieldfare.report import MigrationReport
from fieldfare.report.file import load_report
from fieldfare.report.html.markup import Html, element, section, table, visible
from fieldfare.report.html.migration import migration_content, moment
from fieldfare.report.html.page import badge, cards, commands, page
from fieldfare.report.html.plots import Axis, Bar, legend, rows
from fieldfare.support.structure import StructureError, make_converter, structure
from fieldfare.support.units import bytes_text, seconds_text
from fieldfare.support.wording import counted
from fieldfare_batch.report import BatchReport, BatchStatus, IndexReport
from fieldfare_batch.state import Status

__all__ = ["batch_page", "is_batch_report", "page_of_document"]

MEBIBYTE: Final = 1024 * 1024

TITLES: Final = {
    BatchStatus.COMPLETED: "Batch completed",
    BatchStatus.BUILT: "Batch built and checked; no name has moved",
    BatchStatus.PARTIAL_FAILURE: "Batch partly failed",
    BatchStatus.FAILED: "Batch failed",
    BatchStatus.ROLLED_BACK: "Batch rolled back",
}
KINDS: Final = {Status.SUCCESS: "good", Status.BUILT: "good", Status.FAILED: "bad"}
NEXT: Final = {"resume": "Resume", "finalize": "Finalize", "rollback": "Roll back"}
COUNTS: Final = ("successful", "built", "failed", "skipped", "remaining", "rolled_back")

_CONVERTER: Final = make_converter()


def is_batch_report(document: Mapping[str, Any]) -> bool:
    """Return whether plain values are the content of a batch report."""
    return {"batch_id", "summary", "indexes"} <= document.keys()


def page_of_document(document: Mapping[str, Any], path: str) -> str:
    """Return the page of a batch report that was read from a file.

    Raises:
        FileError: it is damaged.
    """
    try:
        return batch_page(structure(_CONVERTER, document, BatchReport), directory=Path(path).parent)
    except StructureError as error:
        raise FileError(path, [message for _, message in error.problems]) from error


def batch_page(report: BatchReport, *, directory: Path) -> str:
    """Return the page of a batch report.

    Args:
        report: the report.
        directory: the directory of its file, from which relative paths of the reports of indexes lead.
    """
    reports = {each.name: _load(each, directory) for each in report.indexes}
    title = f"{TITLES[report.status]}: {report.batch_id}"
    failed = report.status in {BatchStatus.PARTIAL_FAILURE, BatchStatus.FAILED}
    return page(
        visible(title),
        element("h1", title),
        element(
            "p",
            badge(report.status.value.replace("_", " "), "bad" if failed else "good"),
            element("span", f"{moment(report.started_at)} to {moment(report.completed_at)}", class_="quiet"),
        ),
        cards(_facts(report)),
        section(
            "What to do next",
            *commands({NEXT.get(what, what): line for what, line in report.next.items()}),
            name="next",
        ),
        section("Indexes", _indexes(report, reports), name="indexes"),
        section("Time and outage of each index", *_times(report, reports), name="times"),
        *(_details(name, found) for name, found in reports.items() if found is not None),
        element("footer", f"Written by fieldfare. Backups are in {report.backup_dir}"),
    )


def _load(index: IndexReport, directory: Path) -> MigrationReport | None:
    """Return the report of an index; None if it has none, or if its file is gone or damaged."""
    if index.report_path is None:
        return None
    try:
        return load_report(directory / index.report_path)
    except FileError:
        return None


def _facts(report: BatchReport) -> dict[str, str]:
    summary = report.summary
    counts = {name.replace("_", " "): getattr(summary, name) for name in COUNTS}
    return {
        counted(summary.total_indexes, "index", "indexes"): seconds_text(summary.total_duration_seconds),
        **{name: f"{count:,}" for name, count in counts.items() if count},
        "documents": f"{sum(each.docs_migrated or 0 for each in report.indexes):,}",
    }


def _indexes(report: BatchReport, reports: Mapping[str, MigrationReport | None]) -> Html | None:
    headers = ["Index", "Status", "Documents", "Time", "Unavailable", "Memory", "Checks", "Reason"]
    return table(headers, [_row(each, reports[each.name]) for each in report.indexes], numbers=[2, 3, 4], stacked=True)


def _row(index: IndexReport, found: MigrationReport | None) -> list[object]:
    known = found is not None
    findings = found.validation.findings if found else ()
    reason = index.error or index.skip_reason
    return [
        index.name,
        element("span", index.status.value.replace("_", " "), class_=f"verdict {KINDS.get(index.status, 'quiet')}"),
        "-" if index.docs_migrated is None else f"{index.docs_migrated:,}",
        "-" if index.duration_seconds is None else seconds_text(index.duration_seconds),
        seconds_text(found.timings.downtime_duration_seconds) if found else "-",
        _memory(found) if found else "-",
        _in_one_line(f"{sum(each.passed for each in findings)} of {len(findings)}" if known and findings else "-"),
        element("span", reason, class_="lines") if reason else "",
    ]


def _in_one_line(text: str) -> Html:
    return element("span", text, class_="verdict")


def _memory(report: MigrationReport) -> Html | str:
    before, after = (report.memory.get(f"memory_mb_{when}") for when in ("before", "after"))
    if before is None or after is None:
        return "-"
    then, now = (bytes_text(each * MEBIBYTE) for each in (before, after))
    return element("span", _in_one_line(then), " ", _in_one_line(f"→ {now}"))


def _times(report: BatchReport, reports: Mapping[str, MigrationReport | None]) -> list[Html]:
    lines = []
    for each in report.indexes:
        if each.duration_seconds:
            found = reports[each.name]
            outages = found.timeline.outages if found else ()
            bars = [Bar(0, each.duration_seconds, "c0")]
            bars += [
                Bar(
                    outage.start, (outage.end or each.duration_seconds) - outage.start, "out-solid", "index unavailable"
                )
                for outage in outages
            ]
            lines.append((each.name, bars, seconds_text(each.duration_seconds)))
    longest = max((bar.length for _, bars, _ in lines for bar in bars), default=0.0)
    return [rows(lines, Axis(longest)), legend({"index unavailable": "out"})] if lines else []


def _details(name: str, report: MigrationReport) -> Html:
    return element("details", element("summary", f"Report of {name}"), *migration_content(report))
