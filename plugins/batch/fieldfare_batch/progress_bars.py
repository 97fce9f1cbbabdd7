"""Progress bars for terminals: one for the batch, one for each running index. Imports rich: load it only if needed."""

from __future__ import annotations

from rich.console import Console
from rich.progress import MofNCompleteColumn, TaskID

from fieldfare.cli.progress_bars import make_display
from fieldfare.hooks.markers import hookimpl
from fieldfare.report import Moment, StepReport
from fieldfare.support.escape import escape_line
from fieldfare_batch.state import RUNNING_STATUSES

__all__ = ["BarReporter"]


class BarReporter:
    """Draws the bars. Call it at every transition, while its display is shown.

    Attributes:
        display: a context manager: shows the bars while the batch runs. They stay on the screen.
    """

    def __init__(self, console: Console | None = None) -> None:
        """Draw on this console, or on stderr."""
        self.display = make_display(MofNCompleteColumn(), console)
        self._batch: TaskID | None = None
        self._tasks: dict[str, TaskID] = {}
        self._ended: set[str] = set()

    def __call__(self, name: str, position: int, total: int, status: str) -> None:
        """Add a bar for an index that starts, and remove it when the index ends."""
        if self._batch is None:
            self._batch = self.display.add_task("Indexes", total=total, completed=position - 1)
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
            )
