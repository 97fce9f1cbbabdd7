"""The page of one migration, its rollback, or its validation."""

from __future__ import annotations

import shlex
from typing import Final

from fieldfare.report import MigrationReport, Result
from fieldfare.report.html.checks import checks_section, recall_section
from fieldfare.report.html.definition import changes_section
from fieldfare.report.html.markup import Html, element, section, table, visible
from fieldfare.report.html.page import badge, cards, commands, page
from fieldfare.report.html.plots import Axis, Bar, rows
from fieldfare.report.html.timeline import rates_section, timeline_section
from fieldfare.support.units import bytes_text, seconds_text
from fieldfare.support.wording import counted

__all__ = ["migration_content", "migration_page", "moment"]

MEBIBYTE: Final = 1024 * 1024
UTC: Final = ("+00:00", "Z")

TITLES: Final = {
    Result.SUCCEEDED: "Migration succeeded",
    Result.NOTHING_TO_DO: "Nothing to do: the index matches the plan",
    Result.FAILED: "Failed",
    Result.ROLLED_BACK: "Rolled back",
}
MEMORY: Final = (
    ("Vectors", "vector_index_mb"),
    ("Index without vectors", "without_vectors_mb"),
    ("Total", "memory_mb"),
)


def migration_page(report: MigrationReport) -> str:
    """Return the page of a report."""
    title = f"{_title(report)}: {_names(report)}"
    return page(
        visible(title),
        element("h1", title),
        *migration_content(report),
        element("footer", f"Written by fieldfare; the run ended at {moment(report.finished_at)}."),
    )


def migration_content(report: MigrationReport) -> list[Html]:
    """Return what the page of a report holds below its title, for a page about several runs, too."""
    sections = (
        _badges(report),
        section("Error", element("p", report.error, class_="bad"), name="error") if report.error else None,
        cards(_facts(report)),
        section("What to do next", *commands(_commands(report)), name="next"),
        section("Warnings", _list(report.warnings), name="warnings"),
        changes_section(report),
        timeline_section(report),
        rates_section(report),
        checks_section(report),
        recall_section(report),
        section("Memory", *_memory(report), name="memory"),
        section("Documents that were not converted like the others", _notes(report), name="notes"),
        section("Steps", _steps(report), name="steps"),
    )
    return [each for each in sections if each is not None]


def _title(report: MigrationReport) -> str:
    if report.backup_dir or not report.validation.findings:
        return TITLES[report.result]
    return "Validation passed" if report.validation.passed else "Validation failed"


def _names(report: MigrationReport) -> str:
    return report.index if report.index == report.target else f"{report.index} → {report.target}"


def _badges(report: MigrationReport) -> Html:
    kind = "good" if report.result is Result.SUCCEEDED else "bad" if report.result is Result.FAILED else "quiet"
    return element(
        "p",
        badge(report.result.value.replace("_", " "), kind),
        badge(f"mode {report.mode}"),
        element("span", f"{moment(report.started_at)} to {moment(report.finished_at)}", class_="quiet"),
    )


def moment(timestamp: str) -> str:
    """Return a time as people read it; what is no time in UTC as it is."""
    ending = next((each for each in UTC if timestamp.endswith(each)), None)
    return timestamp if ending is None else timestamp.removesuffix(ending).replace("T", " ") + " UTC"


def _facts(report: MigrationReport) -> dict[str, str]:
    timings, findings = report.timings, report.validation.findings
    passed = sum(finding.passed for finding in findings)
    documents = max((int(step.get("documents", 0)) for step in report.steps.values()), default=0)
    before, after = (report.memory.get(f"memory_mb_{moment}") for moment in ("before", "after"))
    facts = {"in all": seconds_text(timings.total_duration_seconds)}
    if report.backup_dir:
        away = timings.downtime_duration_seconds
        facts["index unavailable"] = seconds_text(away) if away or report.timeline.outages else "never"
    if documents:
        facts["documents written"] = f"{documents:,}"
    if before and after is not None:
        facts["memory of the index"] = f"{100 * (after - before) / before:+.0f} %"
    if findings:
        facts["checks passed"] = f"{passed} of {len(findings)}"
    return facts


def _commands(report: MigrationReport) -> dict[str, str]:
    """Return what to do → the command."""
    if report.manual_actions:
        return dict(action.partition(": ")[::2] for action in report.manual_actions)
    if not report.backup_dir or report.result is Result.ROLLED_BACK:
        return {}
    options = ["--backup-dir", report.backup_dir, "--index", report.index]
    lines = {"Roll back": "rollback"}
    if report.mode == "shadow":
        lines["Remove the old index and old values when you no longer need them"] = "finalize"
    return {what: shlex.join(["fieldfare", command, *options]) for what, command in lines.items()}


def _list(lines: tuple[str, ...]) -> Html | None:
    return element("ul", *(element("li", line) for line in lines)) if lines else None


def _memory(report: MigrationReport) -> list[Html]:
    figures = report.memory
    found = [(name, figures.get(f"{key}_before"), figures.get(f"{key}_after")) for name, key in MEMORY]
    known = [(name, before or 0.0, after or 0.0) for name, before, after in found if before or after]
    highest = max((max(before, after) for _, before, after in known), default=0.0)
    lines = [
        (f"{name}, {moment}", [Bar(0, size / highest, kind)], bytes_text(size * MEBIBYTE))
        for name, before, after in known
        for moment, size, kind in (("before", before, "c5"), ("after", after, "c0"))
    ]
    return [rows(lines, Axis(1.0), with_time=False)] if lines else []


def _notes(report: MigrationReport) -> Html | None:
    cells = [
        [
            note.kind,
            note.field or "-",
            counted(note.count, "document"),
            note.detail,
            ", ".join(key.decode("utf-8", "backslashreplace") for key in note.keys),
        ]
        for note in report.notes
    ]
    return table(["Note", "Field", "Documents", "What happened", "Such as"], cells, stacked=True)


def _steps(report: MigrationReport) -> Html | None:
    cells = [
        [
            element("code", step),
            str(facts.get("status", "")),
            f"{int(facts.get('documents', 0)):,}",
            seconds_text(float(facts.get("seconds", 0.0))),
        ]
        for step, facts in report.steps.items()
    ]
    return table(["Step", "Status", "Documents", "Time"], cells, numbers=[2, 3])
