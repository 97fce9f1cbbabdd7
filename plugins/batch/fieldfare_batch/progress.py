"""Progress of a whole batch on stderr: bars in a terminal; otherwise lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from fieldfare.cli.output import notice
from fieldfare.cli.progress import MAX_SECONDS, can_draw_bars, registered
from fieldfare.cli.progress_text import progress_text, title_of
from fieldfare.hooks.manager import Plugins
from fieldfare.hooks.markers import hookimpl
from fieldfare.report import Moment, StepReport
from fieldfare.support.units import seconds_text
from fieldfare_batch.state import RUNNING_STATUSES

__all__ = ["LineReporter", "show_batch_progress"]

Reporter: TypeAlias = Callable[[str, int, int, str], None]


@contextmanager
def show_batch_progress(plugins: Plugins) -> Iterator[Reporter]:
    """Show the progress of the batch that runs in the body; the body calls the reporter at every transition."""
    if not can_draw_bars():
        lines = LineReporter()
        with registered(plugins, lines):
            yield lines
        return
    from fieldfare_batch.progress_bars import BarReporter  # noqa: PLC0415 - start-up time

    bars = BarReporter()
    with registered(plugins, bars), bars.display:
        yield bars


class LineReporter:
    """Writes a line when an index starts and ends, and every ten seconds in between, with the name of the index."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def __call__(self, name: str, position: int, total: int, status: str) -> None:
        """Write a line."""
        started = self._started.pop(name, None)
        duration = "" if started is None else f" in {seconds_text(self._clock() - started)}"
        if status in RUNNING_STATUSES:
            self._started[name] = self._last[name] = self._clock()
        notice(f"[{position}/{total}] {name}: {status}{duration}")

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Write how far an index is, if its last line is ten seconds old."""
        started, now = self._last.get(report.index), self._clock()
        if started is None or report.moment not in {Moment.PROGRESS, Moment.STALLED} or now - started < MAX_SECONDS:
            return
        self._last[report.index] = now
        how = report.error if report.moment is Moment.STALLED else progress_text(report)
        notice(f"{report.index}: {title_of(report)}: {how}")
