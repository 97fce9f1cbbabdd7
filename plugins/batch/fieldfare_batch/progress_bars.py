"""Progress bars for terminals: one for the batch, one for each running index. Imports rich: load it only if needed."""

from __future__ import annotations

import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from fieldfare.hooks.markers import hookimpl
from fieldfare.report import Moment, StepReport
from fieldfare.support.escape import escape_line
from fieldfare.support.units import about_seconds, rough_seconds
from fieldfare_batch.state import RUNNING_STATUSES

__all__ = ["BarReporter"]


class BarReporter:
    """Draws the bars. Call it at every transition, while its display is shown.

    Attributes:
        display: a context manager: shows the bars while the batch runs. They stay on the screen.
    """

    def __init__(self, console: Console | None = None) -> None:
        """Draw on this console, or on stderr."""
        self.display = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, overflow="fold")),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TimeColumn(table_column=Column(no_wrap=True)),
            console=console or Console(file=sys.stderr),
            expand=True,
        )
        self._batch: TaskID | None = None
        self._tasks: dict[str, TaskID] = {}
        self._ended: set[str] = set()

    def __call__(self, name: str, position: int, total: int, status: str) -> None:
        """Add a bar for an index that starts, and remove it when the index ends."""
        if self._batch is None:
            done = position - 1
            self._batch = self.display.add_task("Indexes", total=total, completed=done, done_before=done)
        if status in RUNNING_STATUSES:
            self._tasks[name] = self.display.add_task(escape_line(name), total=None)
            self.display.refresh()
            return
        if name in self._tasks:
            self.display.remove_task(self._tasks.pop(name))
        if name not in self._ended:  # one that is built is switched later
            self._ended.add(name)
            self.display.advance(self._batch)
        if status == "failed":
            self.display.console.print(f"{escape_line(name)}: failed", markup=False)

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Update the bar of an index."""
        task = self._tasks.get(report.index)
        if task is not None:
            if report.moment is Moment.STARTED:
                self.display.reset(task)  # else the time of the first activity that ended would stay
            self.display.update(
                task,
                description=escape_line(f"{report.index}: {report.title or report.activity}"),
                completed=report.documents_done,
                total=report.documents_total or None,
                unavailable_since=report.unavailable_since,
            )


class TimeColumn(ProgressColumn):
    """Shows how long a bar has run; for the batch also the time that is left, for an index its outage."""

    def render(self, task: Task) -> Text:
        """Return the text beside a bar."""
        since = task.fields.get("unavailable_since")
        if since is not None:
            return Text(f"unavailable for {rough_seconds(max(time.time() - since, 0.0))}", "bold yellow")
        elapsed = task.elapsed or 0.0
        left = None if task.finished else _seconds_left(task, elapsed)
        return Text(rough_seconds(elapsed) + ("" if left is None else f", {about_seconds(left)} left"))


def _seconds_left(task: Task, elapsed: float) -> float | None:
    """Return the seconds until the batch ends, at the mean pace of the indexes so far; None if it is not known."""
    done = task.completed - task.fields.get("done_before", task.completed)
    return elapsed * (task.total - task.completed) / done if done > 0 and task.total else None
