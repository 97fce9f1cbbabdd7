"""The timeline of a run: of bounded size, on a clock that stands still between two attempts."""

from __future__ import annotations

import pytest

from fieldfare.report.timeline import INTERVALS, SPANS, Outage, Timeline


def test_documents_are_spread_over_the_time_since_the_count_before() -> None:
    timeline = Timeline(interval_seconds=1.0).with_documents(0.5, 3.5, "index", 10)
    assert timeline.documents == {"index": (0, 3, 3, 4)}
    assert timeline.with_documents(3.5, 3.6, "index", 5).documents == {"index": (0, 3, 3, 9)}
    assert timeline.with_documents(3.5, 3.5, "dump", 7).documents["dump"] == (0, 0, 0, 7)


def test_a_long_run_keeps_as_many_intervals_as_a_short_one() -> None:
    timeline = Timeline()
    for second in range(10_000):
        timeline = timeline.with_documents(second, second + 1, "dump", 3).with_latency(second + 1, second % 100)
    assert len(timeline.documents["dump"]) <= INTERVALS
    assert len(timeline.latency_ms) <= INTERVALS
    assert sum(timeline.documents["dump"]) == 30_000
    assert max(timeline.latency_ms) == 99
    assert timeline.interval(10_000) == len(timeline.latency_ms) - 1


def test_the_longest_activities_stay() -> None:
    timeline = Timeline().with_span("create", "Create", 0, 1e6)
    for number in range(3 * SPANS):
        timeline = timeline.with_span("dump", f"Dump {number}", number, number % 7)
    assert len(timeline.spans) == SPANS
    assert timeline.spans[0].activity == "create"
    assert min(span.seconds for span in timeline.spans) > 0


def test_the_clock_stands_still_between_two_attempts() -> None:
    timeline = Timeline().with_attempt(0, 1000).with_attempt(5, 9000)
    assert [timeline.moment(epoch) for epoch in (900, 1003, 1200, 8000, 9002)] == [0, 3, 5, 5, 7]
    assert timeline.with_outage(1003, 8).outages == (Outage(3, 8),)


def test_a_rollback_starts_a_timeline_of_its_own() -> None:
    timeline = Timeline().with_attempt(0, 1000).with_attempt(5, 9000).with_span("dump", "Dump", 0, 1).restarted()
    assert timeline.spans == ()
    assert timeline.moment(9003) == pytest.approx(3)
