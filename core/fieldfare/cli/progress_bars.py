"""Progress bars for terminals. Imports rich: import it only to show a bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from fieldfare.cli.overall_progress import ENDED, OverallProgress, Seconds, seconds_left
from fieldfare.cli.progress_text import activity_key, ended_text, title_of
from fieldfare.hooks.markers import hookimpl
from fieldfare.report import Moment, StepReport
from fieldfare.support.escape import escape_line
from fieldfare.support.text_layout import text_width, wrap_text
from fieldfare.support.units import about_seconds, rough_seconds, seconds_text

__all__ = ["BarReporter"]

BAR_WIDTH = 24


class BarReporter:
    """Draws a bar for what is running and one for the whole run; writes a line for each activity that has ended.

    Attributes:
        display: a context manager: shows the bars during the run.
    """

    def __init__(self, console: Console | None = None, expected: Seconds | None = None) -> None:
        """Draw on this console, or on stderr; ``expected`` are the seconds of activities."""
        self._console = console or Console(file=sys.stderr)
        self._overall = OverallProgress(expected or {})
        self._running: dict[tuple[str, str], StepReport] = {}
        self._unavailable_since: float | None = None
        self.display = Live(console=self._console, get_renderable=self._draw, transient=True, refresh_per_second=10)

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Update the bars, or write a line about an activity that has ended."""
        self._overall.add(report)
        self._unavailable_since = report.unavailable_since
        if report.moment in ENDED:
            self._running.pop(activity_key(report), None)
            self._write(ended_text(report), "red" if report.moment is Moment.FAILED else "")
        elif report.moment is Moment.STALLED:
            self._write(f"{title_of(report)}: {report.error}", "yellow")
        else:
            self._running[activity_key(report)] = report

    def _write(self, line: str, style: str) -> None:
        shown = wrap_text(escape_line(line), self._console.width, "  ")
        self._console.print(Text(shown, style), soft_wrap=True)

    def _draw(self) -> RenderableType:
        return Group(*self._lines())

    def _lines(self) -> Iterator[RenderableType]:
        width = self._console.width
        if self._running:
            report = next(reversed(self._running.values()))
            yield Text(wrap_text(escape_line(title_of(report)), width, "  "))
            yield _bar_line("", report.documents_done, report.documents_total, _counts(report), width)
            share, elapsed = self._overall.share, self._overall.elapsed
            yield _bar_line("All steps", share or 0.0, None if share is None else 1.0, self._times(elapsed), width)
        if self._unavailable_since is not None:
            seconds = max(time.time() - self._unavailable_since, 0.0)
            yield Text(f"Index unavailable for {rough_seconds(seconds)}", "bold yellow")

    def _times(self, elapsed: float) -> str:
        left = self._overall.seconds_left
        rest = "" if left is None else f", {about_seconds(left)} left"
        return f"{rough_seconds(elapsed)}{rest}"


def _bar_line(label: str, done: float, total: float | None, text: str, width: int) -> RenderableType:
    """Return a bar between a label and a text, as wide as there is room; a moving one if the total is not known."""
    room = width - len(label or "  ") - text_width(text) - 4
    line = Table.grid(padding=(0, 2, 0, 0))
    line.add_row(label, ProgressBar(total or None, done, width=max(min(BAR_WIDTH, room), 4)), Text(text, no_wrap=True))
    return line


def _counts(report: StepReport) -> str:
    """Return ``450,000/1,000,000 docs  52,000/s  8 s left``; the time for an activity without documents."""
    if not report.documents_done and not report.documents_total:
        return seconds_text(report.seconds) if report.seconds else ""
    total = f"/{report.documents_total:,}" if report.documents_total else ""
    parts = [f"{report.documents_done:,}{total} docs"]
    if report.seconds and report.documents_done:
        parts.append(f"{report.documents_done / report.seconds:,.0f}/s")
    left = seconds_left(report)
    return "  ".join(parts + ([f"{rough_seconds(left)} left"] if left else []))
