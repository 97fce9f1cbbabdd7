"""Run reports: telling observers that a run starts, how far a synchronization is behind, and how a run ends."""

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
        run: what it carries out.
        started: the first report.
        began: when it was made, as ``time.monotonic()`` gives it.
        throttled: the seconds that earlier attempts waited.
        unavailable: the seconds of outage of earlier attempts.
    """

    run: ActiveRun
    started: RunReport
    began: float
    throttled: float
    unavailable: float

    def lags(self, keys: int, seconds: float) -> None:
        """Tell observers how far a synchronization is behind."""
        self.send(Moment.PROGRESS, lag_keys=keys, lag_seconds=seconds)

    def send(self, moment: Moment, **facts: Any) -> None:
        """Tell observers."""
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
    """Report the start of a run, and its end after the body.

    Args:
        run: with a backup.
        command: of the command line.
        ends_by_stop: whether a stop is how it ends as it should.
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
    """Return for how long all attempts waited for limits, and for how long the index could not be queried."""
    timings, since = run.journal.progress.timings, run.journal.unavailable_since
    ongoing = 0.0 if since is None else max(time.time() - since, 0.0)
    return timings.get("throttled", 0.0), timings.get("downtime", 0.0) + ongoing
