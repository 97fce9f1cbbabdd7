"""How far a whole run is, and how long it will still take."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

from attrs import define, field

from fieldfare.report import Moment

if TYPE_CHECKING:
    from fieldfare.report import StepReport

__all__ = ["OverallProgress", "Seconds", "at_rate", "seconds_left"]

ENDED = (Moment.FINISHED, Moment.SKIPPED, Moment.FAILED)

Seconds: TypeAlias = Mapping[str, Sequence[float]]
"""Activity → the seconds of each of its passes over the documents; activities are in the order of the run."""


@define
class OverallProgress:
    """Estimates the end of a run, from what each activity was expected to take, and from its pace once it runs.

    Attributes:
        expected: without any, nothing is estimated.
        clock: returns seconds.
    """

    expected: Seconds = field(factory=dict)
    clock: Callable[[], float] = time.monotonic
    _started: float | None = field(init=False, default=None)
    _ended: Counter[str] = field(init=False, factory=Counter)
    _running: dict[str, StepReport] = field(init=False, factory=dict)
    _reported: dict[str, float] = field(init=False, factory=dict)

    def add(self, report: StepReport) -> None:
        """Take note of a report."""
        now = self.clock()
        self._started = now if self._started is None else self._started
        if report.moment in ENDED:
            self._running.pop(report.activity, None)
            self._ended[report.activity] += report.moment is not Moment.FAILED
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
        if not any(map(sum, self.expected.values())):
            return None
        return sum(map(self._left, self.expected))

    @property
    def share(self) -> float | None:
        """Which share of the time has passed, 0 to 1; None if it is not known."""
        left = self.seconds_left
        whole = self.elapsed + (left or 0)
        return None if left is None else self.elapsed / whole if whole else 0.0

    def _left(self, activity: str) -> float:
        passes = self.expected[activity][self._ended[activity] :]
        report = self._running.get(activity)
        if report is None:
            return 0.0 if self._is_over(activity) else sum(passes)
        since = self.clock() - self._reported[activity]
        left = seconds_left(report)
        current = (sum(passes[:1]) - report.seconds if left is None else left) - since
        return max(current, 0.0) + sum(passes[1:])

    def _is_over(self, activity: str) -> bool:
        """Whether a later activity has begun: a run that is resumed leaves out what is done."""
        names = list(self.expected)
        return any(name in self._reported for name in names[names.index(activity) + 1 :])


def at_rate(
    expected: Mapping[str, float], documents: int, max_rate: float | None, passes: Mapping[str, int]
) -> dict[str, tuple[float, ...]]:
    """Return the seconds of activities if no more documents per second are read or written.

    The server builds as fast as ever.

    Args:
        expected: activity → seconds without a limit.
        documents: how many there are; 0 if it is not known.
        max_rate: documents per second; None for no limit.
        passes: activity → how often each document is read or written in it, in the order of the run.
    """
    least = documents / max_rate if max_rate else 0.0
    found = dict[str, tuple[float, ...]]()
    for name in dict.fromkeys((*passes, *expected)):
        seconds, number = expected.get(name, 0.0), passes.get(name, 0)
        found[name] = (max(seconds / number, least),) * number if number else (seconds,)
    return found


def seconds_left(report: StepReport) -> float | None:
    """Return the seconds that an activity will still take at its pace; None if it is not known."""
    done, total = report.documents_done, report.documents_total
    return report.seconds * (total - done) / done if 0 < done <= total and report.seconds else None
