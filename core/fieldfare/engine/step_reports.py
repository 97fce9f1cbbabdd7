"""Step reports: telling observers what a run works on, how far it is, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from attrs import define, evolve, field

from fieldfare.hooks.manager import Plugins
from fieldfare.report import Moment, RunReport, ShardMoment, ShardReport, StepReport
from fieldfare.support.error_text import error_text
from fieldfare.support.fault_points import during

__all__ = ["StepReporter", "tell_observers"]


@define
class StepReporter:
    """Makes step reports, and hands them to every plugin that implements ``fieldfare_step_report``.

    Attributes:
        plugins: the observers are among them.
        index: the index's real name.
        on_end: called with an activity and its seconds when it ends, however it ends.
        unavailable_since: returns since when the index cannot be queried, None while it answers.
        throttled_seconds: returns how long the run has waited because of the user's limits.
    """

    plugins: Plugins
    index: str
    on_end: Callable[[StepReport, float], None]
    unavailable_since: Callable[[], float | None] = lambda: None
    throttled_seconds: Callable[[], float] = lambda: 0.0
    _activity: StepReport | None = field(init=False, default=None)
    _started: float = field(init=False, default=0.0)

    @contextmanager
    def activity(self, name: str, title: str, step: str, total: int) -> Iterator[None]:
        """Report and time what is done in the body. Activities nest."""
        outer, outer_started = self._activity, self._started
        self._started = time.monotonic()
        self._activity = StepReport(self.index, name, Moment.STARTED, step, title, 0, total)
        self._send(self._activity)
        try:
            with during(name):
                yield
        except BaseException as error:
            reason = error_text(error) if isinstance(error, Exception) else "interrupted"
            self._send(evolve(self._activity, moment=Moment.FAILED, error=reason, seconds=self._seconds()))
            raise
        else:
            done = max(self._activity.documents_done, total)
            self._send(evolve(self._activity, moment=Moment.FINISHED, documents_done=done, seconds=self._seconds()))
        finally:
            self.on_end(self._activity, self._seconds())
            self._activity, self._started = outer, outer_started

    @property
    def current(self) -> StepReport | None:
        """The last report of the current activity; None outside of one."""
        return self._activity

    def advance(self, documents: int) -> None:
        """Report progress of the current activity; outside of one, nothing."""
        if self._activity is not None:
            done = self._activity.documents_done + documents
            self._activity = evolve(
                self._activity, moment=Moment.PROGRESS, documents_done=done, seconds=self._seconds()
            )
            self._send(self._activity)

    def stalled(self, state: str) -> None:
        """Report that the current activity makes no progress; outside of one, nothing."""
        if self._activity is not None:
            self._send(evolve(self._activity, moment=Moment.STALLED, error=state, seconds=self._seconds()))

    def skipped(self, kind: str, step: str, title: str) -> None:
        """Report a step that an earlier run has done."""
        self._send(StepReport(self.index, kind, Moment.SKIPPED, step, title))

    def shard(self, number: int, moment: ShardMoment, **facts: Any) -> None:
        """Report how an attempt at a shard ended; outside of an activity, nothing."""
        if self._activity is not None:
            report = ShardReport(self.index, self._activity.activity, number, moment, **facts)
            tell_observers(self.plugins, "fieldfare_shard_report", report)

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _send(self, report: StepReport) -> None:
        since, throttled = self.unavailable_since(), self.throttled_seconds()
        report = evolve(report, unavailable_since=since, throttled_seconds=throttled)
        tell_observers(self.plugins, "fieldfare_step_report", report)


def tell_observers(plugins: Plugins, hook: str, report: StepReport | ShardReport | RunReport) -> None:
    """Hand a report to every plugin that implements a hook; an exception of an observer is logged."""
    for name in plugins.implementers(hook):
        try:
            plugins.call(name, hook, report=report)
        except Exception as error:  # noqa: BLE001 - an observer never fails a step
            import structlog  # noqa: PLC0415 - start-up time

            structlog.get_logger("fieldfare").warning("observer_failed", plugin=name, error=error_text(error))
