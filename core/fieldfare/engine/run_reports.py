"""Run reports tell observers that a run starts, how far a synchronization is behind, and how a run ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from attrs import evolve, frozen

from fieldfare.engine.run import ActiveRun
from fieldfare.engine.step_reports import tell_observers
from fieldfare.engine.stop import StopRequested
from fieldfare.report import Moment, RunReport

__all__ = ["RunReporter", "reported"]

HOOK: Final = "fieldfare_run_report"


@frozen
class RunReporter:
    """Makes the reports of one command.

    Attributes:
        run: the run that the command carries out.
        started: the first report.
        began: when the first report was made, in seconds of ``time.monotonic()``.
        throttled: how many seconds earlier attempts waited because of the user's limits.
        unavailable: how many seconds the index was unavailable in earlier attempts.
    """

    run: ActiveRun
    started: RunReport
    began: float
    throttled: float
    unavailable: float

    def lags(self, keys: int, seconds: float) -> None:
        """Report how far a synchronization is behind."""
        self.send(Moment.PROGRESS, lag_keys=keys, lag_seconds=seconds)

    def send(self, moment: Moment, **facts: Any) -> None:
        """Make a report and hand it to all observers."""
        throttled, unavailable = _seconds(self.run)
        report = evolve(
            self.started,
            moment=moment,
            seconds=time.monotonic() - self.began,
            throttled_seconds=max(throttled - self.throttled, 0.0),
            unavailable_seconds=max(unavailable - self.unavailable, 0.0),
            **facts,
        )
        tell_observers(self.run.plugins, HOOK, report)


@contextmanager
def reported(run: ActiveRun, command: str, *, ends_by_stop: bool = False) -> Iterator[RunReporter]:
    """Report that a run starts, and after the body how it ended.

    Args:
        run: a run with a backup.
        command: the name of the command.
        ends_by_stop: whether the command ends normally when it is stopped.
    """
    started = RunReport(
        run.plan.index, run.plan.target.name, command, Moment.STARTED, run.plan.mode, run.plan_fingerprint
    )
    reporter = RunReporter(run, started, time.monotonic(), *_seconds(run))
    tell_observers(run.plugins, HOOK, started)
    try:
        yield reporter
    except StopRequested:
        if ends_by_stop:
            reporter.send(Moment.FINISHED)
        else:
            reporter.send(Moment.FAILED, error="Interrupted")
        raise
    except BaseException as error:
        reporter.send(Moment.FAILED, error=type(error).__name__)
        raise
    else:
        reporter.send(Moment.FINISHED)


def _seconds(run: ActiveRun) -> tuple[float, float]:
    """Return how many seconds all attempts waited because of limits, and how many the index was unavailable."""
    timings, since = run.journal.progress.timings, run.journal.unavailable_since
    ongoing = 0.0 if since is None else max(time.time() - since, 0.0)
    return timings.get("throttled", 0.0), timings.get("downtime", 0.0) + ongoing
