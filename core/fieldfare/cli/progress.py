"""Progress on stderr: bars in a terminal, lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from fieldfare.cli.output import notice
from fieldfare.cli.overall_progress import Seconds
from fieldfare.cli.progress_text import activity_key, ended_text, progress_text, title_of
from fieldfare.hooks.manager import Plugins
from fieldfare.hooks.markers import hookimpl
from fieldfare.report import Moment, StepReport

__all__ = ["MAX_SECONDS", "LineReporter", "can_draw_bars", "registered", "show_progress"]

NAME: Final = "terminal"
MIN_SHARE: Final = 0.1
"""The share of the documents after which another line is written."""

MIN_SECONDS: Final = 1.0
"""Seconds between two lines, at least, if this share is reached."""

MAX_SECONDS: Final = 10.0
"""Seconds after which another line is written in any case."""


@contextmanager
def show_progress(plugins: Plugins, expected: Seconds | None = None) -> Iterator[None]:
    """Show the progress of whatever runs in the body.

    Args:
        plugins: that get step reports.
        expected: the seconds that activities are expected to take.
    """
    if not can_draw_bars():
        with registered(plugins, LineReporter()):
            yield
        return
    from fieldfare.cli.progress_bars import BarReporter  # noqa: PLC0415 - start-up time

    bars = BarReporter(expected=expected)
    with registered(plugins, bars), bars.display:
        yield


def can_draw_bars() -> bool:
    """Whether stderr is a terminal that shows bars."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def registered(plugins: Plugins, reporter: object) -> Iterator[None]:
    """Register a reporter of progress as a plugin, for the body."""
    plugins.register(reporter, NAME)
    try:
        yield
    finally:
        plugins.manager.unregister(name=NAME)


class LineReporter:
    """Writes a line when an activity starts and ends, and at times in between."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without lines; ``clock`` returns seconds."""
        self._clock = clock
        self._last: dict[tuple[str, str], tuple[int, float]] = {}

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Write a line, unless the last one is recent."""
        title = title_of(report)
        match report.moment:
            case Moment.STARTED:
                self._last[activity_key(report)] = (0, self._clock())
                notice(f"{title} ...")
            case Moment.PROGRESS:
                if self._is_due(report):
                    notice(f"{title}: {progress_text(report)}")
            case Moment.STALLED:
                notice(f"{title}: {report.error}")
            case _:
                notice(ended_text(report))

    def _is_due(self, report: StepReport) -> bool:
        done, at = self._last.get(activity_key(report), (0, 0.0))
        now = self._clock()
        enough = 0 < MIN_SHARE * report.documents_total <= report.documents_done - done
        due = now - at >= MAX_SECONDS or (enough and now - at >= MIN_SECONDS)
        if due:
            self._last[activity_key(report)] = (report.documents_done, now)
        return due
