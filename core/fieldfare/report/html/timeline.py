"""The sections on the course of a run: its timeline, its throughput, and the server's latency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from fieldfare.report import MigrationReport
from fieldfare.report.html.markup import Html, element, paragraph, section
from fieldfare.report.html.plots import Axis, Bar, bars_over_time, legend, rows
from fieldfare.report.timeline import Span
from fieldfare.support.units import seconds_text

__all__ = ["rates_section", "timeline_section"]

WITHOUT_RATE: Final = frozenset({"enumerate"})
"""Activities that read and write no documents."""

ACTIVITIES: Final = {
    "dump": "Back up originals",
    "rewrite": "Rewrite documents",
    "restore": "Restore originals",
    "index": "Index documents",
}


def timeline_section(report: MigrationReport) -> Html | None:
    """Return the section with a row for each activity, in the order in which they started; None without any."""
    timeline = report.timeline
    if not timeline.spans:
        return None
    axis = _axis(report)
    outages = [Bar(start, end - start, "out-solid") for start, end in axis.outages]
    # where an attempt was killed in between, the clock shows less than the outage took
    away = report.timings.downtime_duration_seconds or sum(bar.length for bar in outages)
    lines = [("Index unavailable", outages, seconds_text(away))] if outages else []
    lines += [
        (
            title,
            [Bar(span.start, span.seconds, "c0") for span in spans],
            seconds_text(sum(each.seconds for each in spans)),
        )
        for title, spans in _grouped(timeline.spans).items()
    ]
    never = None if outages or not report.backup_dir else paragraph("The index answered all the time.")
    resumed = paragraph("Dashed lines: here the run was resumed. The time between two attempts is not shown.")
    return section("Timeline", rows(lines, axis), never, resumed if axis.resumed else None, name="timeline")


def rates_section(report: MigrationReport) -> Html | None:
    """Return the section with documents per second, and the server's answer time; None if neither is on record."""
    timeline, axis = report.timeline, _axis(report)
    names = [name for name in _by_start(timeline.documents) if name not in WITHOUT_RATE]
    titles = {span.activity: span.title for span in timeline.spans} | ACTIVITIES
    content: list[Html | None] = [legend({"index unavailable": "out"}) if axis.outages else None] if names else []
    for name in names:
        rates = [count / timeline.interval_seconds for count in timeline.documents[name]]
        content += [
            element("h3", f"{titles.get(name, name)}: documents per second"),
            bars_over_time(rates, timeline.interval_seconds, axis, label=f"{name}: documents per second over time"),
        ]
    if any(timeline.latency_ms):
        content += [
            element("h3", "Server's answer time: the longest in milliseconds"),
            bars_over_time(
                timeline.latency_ms, timeline.interval_seconds, axis, label="answer time in milliseconds over time"
            ),
            _latency(report.latency),
        ]
    elif names:
        content.append(
            element("p", "The server's answer time was not measured: --max-latency MS does that.", class_="quiet")
        )
    return section("Throughput and latency", *content, name="rates")


def _axis(report: MigrationReport) -> Axis:
    timeline = report.timeline
    ends = [span.start + span.seconds for span in timeline.spans]
    last = max([*ends, *(outage.end or 0.0 for outage in timeline.outages), report.timings.total_duration_seconds])
    outages = tuple((outage.start, last if outage.end is None else outage.end) for outage in timeline.outages)
    return Axis(last, outages, tuple(attempt.at for attempt in timeline.attempts[1:] if attempt.at <= last))


def _grouped(spans: Sequence[Span]) -> dict[str, list[Span]]:
    """Return the activities by their title, in the order in which the first of each started."""
    grouped: dict[str, list[Span]] = {}
    for span in sorted(spans, key=lambda each: (each.start, -each.seconds)):
        grouped.setdefault(span.title or span.activity, []).append(span)
    return grouped


def _by_start(documents: Mapping[str, Sequence[int]]) -> list[str]:
    """Return the activities that processed documents, in the order in which they began to."""
    first = {name: next((at for at, count in enumerate(counts) if count), None) for name, counts in documents.items()}
    return sorted((name for name, at in first.items() if at is not None), key=lambda name: first[name] or 0)


def _latency(figures: Mapping[str, float]) -> Html | None:
    if not figures:
        return None
    names = {"median_ms": "median", "p99_ms": "p99", "worst_ms": "worst"}
    shown = ", ".join(f"{name} {figures[key]:.2f} ms" for key, name in names.items() if key in figures)
    return element("p", f"{shown}, of {figures.get('probes', 0):,.0f} probes", class_="quiet")
