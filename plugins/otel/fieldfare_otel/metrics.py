"""The metrics of runs. Each has the index as an attribute.

In Prometheus, the metrics of a synchronization have the same names and labels as with ``sync --metrics-port``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from attrs import define, field, frozen
from opentelemetry.metrics import Counter, Meter, _Gauge

from fieldfare.report import Moment, RunReport, ShardReport, StepReport

__all__ = ["Metrics"]

WINDOW_SECONDS: Final = 1.0
"""The rate of an activity is measured once per this many seconds."""


@define
class RunTotals:
    """What is already counted of one run.

    Attributes:
        documents: the documents of each running activity.
        rated: when the rate was last measured, and how many documents were done then.
        throttled: the seconds that the run has waited; None before the first report.
        unavailable: the seconds that the index was unavailable.
        measured: the end of the counted outage, in seconds since the epoch.
    """

    documents: dict[tuple[str, str], int] = field(factory=dict)
    rated: tuple[float, int] = (0.0, 0)
    throttled: float | None = None
    unavailable: float = 0.0
    measured: float = 0.0


@frozen(eq=False)
class Metrics:
    """Counts documents and seconds, and measures how far a synchronization is behind.

    Attributes:
        documents: documents that activities have processed.
        rate: documents per second of the current activity.
        throttled: seconds that runs waited because of the user's limits.
        unavailable: seconds during which the index could not be queried.
        runs: runs that have ended.
        shards: attempts at shards that have ended.
        shard_seconds: how long these took together.
        lag_keys: keys that applications have changed and ``sync`` has not checked yet.
        lag: seconds since the server reported the first of these keys.
    """

    documents: Counter
    rate: _Gauge
    throttled: Counter
    unavailable: Counter
    runs: Counter
    shards: Counter
    shard_seconds: Counter
    lag_keys: _Gauge
    lag: _Gauge
    _totals: dict[str, RunTotals] = field(init=False, factory=dict)

    @classmethod
    def of(cls, meter: Meter) -> Metrics:
        """Make the instruments."""
        return cls(
            documents=meter.create_counter(
                "fieldfare.documents", "{document}", "Documents that activities have processed"
            ),
            rate=meter.create_gauge("fieldfare.documents.per_second", "", "Documents per second of an activity"),
            throttled=meter.create_counter("fieldfare.throttled", "s", "Time that runs waited because of limits"),
            unavailable=meter.create_counter("fieldfare.index.unavailable", "s", "Time during which queries failed"),
            runs=meter.create_counter("fieldfare.runs", "{run}", "Runs that have ended"),
            shards=meter.create_counter("fieldfare.shards", "{shard}", "Attempts of workers at shards that have ended"),
            shard_seconds=meter.create_counter("fieldfare.shards.work", "s", "Time that workers worked on shards"),
            lag_keys=meter.create_gauge("fieldfare.sync.lag.keys", "{key}", "Changed keys that are not checked yet"),
            lag=meter.create_gauge("fieldfare.sync.lag", "s", "Time since the server reported the first of these keys"),
        )

    def add_run(self, report: RunReport) -> None:
        """Count what a run report says."""
        index = {"index": report.index}
        if report.moment is Moment.STARTED:
            self._totals[report.index] = RunTotals()
        if report.lag_keys is not None:
            self.lag_keys.set(report.lag_keys, index)
            self.lag.set(report.lag_seconds or 0.0, index)
        if report.moment in {Moment.FINISHED, Moment.FAILED}:
            self._add_unavailable(report.index, report.unavailable_seconds)
            self._totals.pop(report.index, None)
            result = {"command": report.command, "result": report.moment.value}
            self.runs.add(1, {**index, **result})

    def add_shard(self, report: ShardReport) -> None:
        """Count what a shard report says."""
        attributes = {"index": report.index, "activity": report.activity}
        self.shards.add(1, {**attributes, "result": report.moment.value})
        self.shard_seconds.add(report.seconds, attributes)

    def add_activity(self, report: StepReport) -> None:
        """Count what a step report says."""
        totals = self._totals.setdefault(report.index, RunTotals())
        index = {"index": report.index}
        attributes = {**index, "activity": report.activity}
        if totals.throttled is not None and report.throttled_seconds > totals.throttled:
            self.throttled.add(report.throttled_seconds - totals.throttled, index)
        totals.throttled = report.throttled_seconds
        if report.unavailable_since is not None:
            self._measure_outage(totals, report.unavailable_since, index)
        self._count(totals, report, attributes)

    def _count(self, totals: RunTotals, report: StepReport, attributes: Mapping[str, str]) -> None:
        """Count documents, and measure the rate."""
        key, now, done = (report.activity, report.step), time.monotonic(), report.documents_done
        if report.moment is Moment.STARTED:
            totals.documents[key], totals.rated = done, (now, done)
        elif report.moment is Moment.PROGRESS:
            self.documents.add(max(done - totals.documents.get(key, done), 0), attributes)
            totals.documents[key] = done
            began, before = totals.rated
            if now - began >= WINDOW_SECONDS:
                self.rate.set(max(done - before, 0) / (now - began), attributes)
                totals.rated = now, done
        elif report.moment in {Moment.FINISHED, Moment.FAILED}:
            totals.documents.pop(key, None)
            self.rate.set(0.0, attributes)

    def _measure_outage(self, totals: RunTotals, since: float, attributes: Mapping[str, str]) -> None:
        now = time.time()
        added = max(now - max(since, totals.measured), 0.0)
        self.unavailable.add(added, attributes)
        totals.unavailable, totals.measured = totals.unavailable + added, now

    def _add_unavailable(self, index: str, seconds: float) -> None:
        """Count the part of the outage that no step report has shown."""
        totals = self._totals.get(index, RunTotals())
        if seconds > totals.unavailable:
            self.unavailable.add(seconds - totals.unavailable, {"index": index})
