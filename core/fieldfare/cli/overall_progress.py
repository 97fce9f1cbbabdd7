"""How far a whole run is, and how long it will still take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from attrs import define, field

from fieldfare.report import Moment

if TYPE_CHECKING:
    from fieldfare.report import StepReport

__all__ = ["OverallProgress", "at_rate", "seconds_left"]

LIMITED = ("dump", "rewrite", "restore")
"""The activities that a limit of documents per second slows down."""

ENDED = (Moment.FINISHED, Moment.SKIPPED, Moment.FAILED)


@define
class OverallProgress:
    """Estimates the end of a run, from what each activity was expected to take, and from its pace once it runs.

    Attributes:
        expected: activity → seconds; without any, nothing is estimated.
        clock: returns seconds.
    """

    expected: Mapping[str, float] = field(factory=dict)
    clock: Callable[[], float] = time.monotonic
    _started: float | None = field(init=False, default=None)
    _ended: set[str] = field(init=False, factory=set)
    _running: dict[str, StepReport] = field(init=False, factory=dict)
    _reported: dict[str, float] = field(init=False, factory=dict)

    def add(self, report: StepReport) -> None:
        """Take note of a report."""
        now = self.clock()
        self._started = now if self._started is None else self._started
        if report.moment in ENDED:
            self._running.pop(report.activity, None)
            self._ended.add(report.activity)
        elif report.moment is not Moment.STALLED:
            self._running[report.activity] = report
            self._reported[report.activity] = now

    @property
    def elapsed(self) -> float:
        """Seconds since the first report."""
        return 0.0 if self._started is None else self.clock() - self._started

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the end; None if it is not known."""
        if not any(self.expected.values()):
            return None
        return sum(map(self._left, self.expected))

    @property
    def share(self) -> float | None:
        """Which share of the time has passed, 0 to 1; None if it is not known."""
        left = self.seconds_left
        whole = self.elapsed + (left or 0)
        return None if left is None else self.elapsed / whole if whole else 0.0

    def _left(self, activity: str) -> float:
        report = self._running.get(activity)
        if report is None:
            return 0.0 if activity in self._ended else self.expected[activity]
        since = self.clock() - self._reported[activity]
        left = seconds_left(report)
        return max((self.expected[activity] - report.seconds if left is None else left) - since, 0.0)


def at_rate(expected: Mapping[str, float], documents: int, max_rate: float | None) -> dict[str, float]:
    """Return activity → seconds if no more documents per second are read or written; the server builds as fast as ever.

    Args:
        expected: activity → seconds without a limit.
        documents: how many each activity reads or writes; 0 if it is not known.
        max_rate: documents per second; None for no limit.
    """
    least = documents / max_rate if max_rate else 0.0
    return {name: max(each, least) if each and name in LIMITED else each for name, each in expected.items()}


def seconds_left(report: StepReport) -> float | None:
    """Return the seconds that an activity will still take at its pace; None if it is not known."""
    done, total = report.documents_done, report.documents_total
    return report.seconds * (total - done) / done if 0 < done <= total and report.seconds else None
