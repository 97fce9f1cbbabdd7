"""Makes spans and metrics from the reports of runs."""

from __future__ import annotations

import time
from collections.abc import Mapping
from threading import Lock
from typing import Final

from attrs import define, field, frozen
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, TracerProvider, set_span_in_context

from fieldfare import __version__
from fieldfare.hooks.markers import hookimpl
from fieldfare.report import Moment, RunReport, ShardMoment, ShardReport, StepReport
from fieldfare_otel.metrics import Metrics

__all__ = ["Observer"]

SCOPE: Final = "fieldfare"
EVENTS: Final = 10
"""The span of an activity has at most this many events of progress."""


@define
class OpenSpan:
    """The span of a running activity.

    Attributes:
        span: the span of OpenTelemetry.
        report: the activity's first report.
        events: how many events of progress the span has.
    """

    span: Span
    report: StepReport
    events: int = 0


@define
class OpenRun:
    """The spans of one run.

    Attributes:
        span: the span of the run; None for activities outside of a run.
        activities: the running activities, the innermost last.
    """

    span: Span | None = None
    activities: list[OpenSpan] = field(factory=list)


@frozen(eq=False)
class Observer:
    """A plugin that observes runs. Several runs of different indexes may run at the same time.

    It sends no values of documents and no texts of errors, only the class of an error.

    Attributes:
        tracer: starts spans.
        metrics: the metrics that are counted.
    """

    tracer: Tracer
    metrics: Metrics
    _runs: dict[str, OpenRun] = field(init=False, factory=dict)
    _lock: Lock = field(init=False, factory=Lock)

    @classmethod
    def of(cls, tracers: TracerProvider, meters: MeterProvider) -> Observer:
        """Return an observer that sends spans and metrics through these providers."""
        return cls(tracers.get_tracer(SCOPE, __version__), Metrics.of(meters.get_meter(SCOPE, __version__)))

    @hookimpl
    def fieldfare_run_report(self, report: RunReport) -> None:
        """Start or end the span of a run."""
        with self._lock:
            if report.moment is Moment.STARTED:
                span = self.tracer.start_span(
                    f"fieldfare {report.command}", kind=SpanKind.CLIENT, attributes=_run_attributes(report)
                )
                self._runs[report.index] = OpenRun(span)
            self.metrics.add_run(report)
            if report.moment in {Moment.FINISHED, Moment.FAILED}:
                self._end_run(report)

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Start or end the span of an activity, and count its documents."""
        with self._lock:
            run = self._runs.setdefault(report.index, OpenRun())
            match report.moment:
                case Moment.STARTED:
                    run.activities.append(OpenSpan(self._begin(report, run), report))
                case Moment.SKIPPED:
                    self._begin(report, run).end()
                case Moment.FINISHED | Moment.FAILED if run.activities:
                    _end(run.activities.pop(), report)
                case _ if run.activities:
                    _note(run.activities[-1], report)
            self.metrics.add_activity(report)

    @hookimpl
    def fieldfare_shard_report(self, report: ShardReport) -> None:
        """Make the span of an attempt at a shard, which has ended, and count it."""
        with self._lock:
            run = self._runs.get(report.index, OpenRun())
            parent = run.activities[-1].span if run.activities else run.span
            context = None if parent is None else set_span_in_context(parent)
            began = time.time_ns() - int(report.seconds * 1e9)
            span = self.tracer.start_span("shard", context, attributes=_shard_attributes(report), start_time=began)
            if report.moment in {ShardMoment.FAILED, ShardMoment.LOST}:
                span.set_status(Status(StatusCode.ERROR))
            span.end()
            self.metrics.add_shard(report)

    def _begin(self, report: StepReport, run: OpenRun) -> Span:
        parent = run.activities[-1].span if run.activities else run.span
        context = None if parent is None else set_span_in_context(parent)
        return self.tracer.start_span(report.activity, context, attributes=_activity_attributes(report))

    def _end_run(self, report: RunReport) -> None:
        run = self._runs.pop(report.index, None)
        if run is None or run.span is None:
            return
        for each in reversed(run.activities):  # a stopped worker has not reported its end
            each.span.end()
        run.span.set_attributes(
            {
                "fieldfare.throttled_seconds": report.throttled_seconds,
                "fieldfare.unavailable_seconds": report.unavailable_seconds,
            }
        )
        if report.moment is Moment.FAILED:
            run.span.set_attribute("error.type", report.error or "")
            run.span.set_status(Status(StatusCode.ERROR))
        run.span.end()


def _run_attributes(report: RunReport) -> Mapping[str, str]:
    return {
        "db.system.name": "redis",
        "db.collection.name": report.index,
        "fieldfare.command": report.command,
        "fieldfare.target": report.target,
        "fieldfare.mode": report.mode,
        "fieldfare.plan": report.plan_fingerprint,
    }


def _activity_attributes(report: StepReport) -> Mapping[str, str | int | bool]:
    return {
        "db.system.name": "redis",
        "db.collection.name": report.index,
        "fieldfare.step": report.step,
        "fieldfare.title": report.title,
        "fieldfare.documents_total": report.documents_total,
        "fieldfare.skipped": report.moment is Moment.SKIPPED,
    }


def _shard_attributes(report: ShardReport) -> Mapping[str, str | int]:
    return {
        "db.system.name": "redis",
        "db.collection.name": report.index,
        "fieldfare.activity": report.activity,
        "fieldfare.shard": report.shard,
        "fieldfare.worker": report.worker,
        "fieldfare.documents": report.documents,
        "fieldfare.result": report.moment.value,
        **({} if report.error is None else {"error.type": report.error}),
    }


def _note(activity: OpenSpan, report: StepReport) -> None:
    """Add an event if the activity makes no progress, or has done another tenth of its documents."""
    if report.moment is Moment.STALLED:
        activity.span.add_event("stalled", {"fieldfare.reason": report.error or ""})
        return
    share = report.documents_done / report.documents_total if report.documents_total else 0.0
    if activity.events < int(min(share, 1.0) * EVENTS):
        activity.events = int(min(share, 1.0) * EVENTS)
        activity.span.add_event("progress", {"fieldfare.documents": report.documents_done})


def _end(activity: OpenSpan, report: StepReport) -> None:
    activity.span.set_attribute("fieldfare.documents", report.documents_done)
    if report.moment is Moment.FAILED:
        activity.span.set_status(Status(StatusCode.ERROR))
    activity.span.end()
