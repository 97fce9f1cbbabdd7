"""Progress bars for terminals. Imports rich: import it only to show a bar."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column
from rich.text import Text

from fieldfare.cli.escape import escape_line
from fieldfare.hooks.markers import hookimpl
from fieldfare.report import Moment, StepReport

__all__ = ["BarReporter", "make_display"]


class DocumentsColumn(ProgressColumn):
    """How many documents are done, and how fast."""

    def render(self, task: Task) -> Text:
        """Return ``450,000/1,000,000 docs  52,000/s``; nothing for an activity without documents."""
        if not task.fields["documents"]:
            return Text("")
        total = f"/{task.total:,.0f}" if task.total else ""
        speed = task.finished_speed or task.speed
        rate = f"  {speed:,.0f}/s" if speed else ""
        return Text(f"{task.completed:,.0f}{total} docs{rate}")


def make_display(counts: ProgressColumn, console: Console | None = None) -> Progress:
    """Return a display of bars with these counts, on this console or on stderr."""
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
        BarColumn(bar_width=20),
        counts,
        TimeElapsedColumn(),
        console=console or Console(file=sys.stderr),
        expand=True,
    )


class BarReporter:
    """Draws a bar per activity, while its display is shown.

    Attributes:
        display: a context manager: shows the bars during the run. They stay on the screen.
    """

    def __init__(self, console: Console | None = None) -> None:
        """Draw on this console, or on stderr."""
        self.display = make_display(DocumentsColumn(table_column=Column(no_wrap=True)), console)
        self._tasks: dict[tuple[str, str], TaskID] = {}

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Update the activity's bar."""
        task = self._task(report)
        done, total = report.documents_done, report.documents_total or None
        match report.moment:
            case Moment.FINISHED | Moment.SKIPPED:
                title = f"{_title(report)} (done earlier)" if report.moment is Moment.SKIPPED else _title(report)
                completed = done or total or 1
                self.display.update(task, description=title, completed=completed, total=completed, documents=bool(done))
                self.display.stop_task(task)
            case Moment.STALLED:
                self.display.console.print(f"{_title(report)}: {escape_line(report.error or '')}", markup=False)
            case Moment.FAILED:
                self.display.update(task, description=f"{_title(report)} (failed)")
                self.display.stop_task(task)
            case _:
                self.display.update(task, completed=done, total=total, documents=bool(done or total))

    def _task(self, report: StepReport) -> TaskID:
        key = (report.activity, report.step)
        if key not in self._tasks:
            total = report.documents_total or None
            self._tasks[key] = self.display.add_task(_title(report), total=total, documents=bool(total))
        return self._tasks[key]


def _title(report: StepReport) -> str:
    return escape_line(report.title or report.activity)
