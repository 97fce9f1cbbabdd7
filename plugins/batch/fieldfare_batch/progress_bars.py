"""Progress bars for terminals: one for the batch, one for each running index. Imports rich: load it only if needed."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from fieldfare.cli.escape import escape_line
from fieldfare.hooks.markers import hookimpl
from fieldfare.report import StepReport
from fieldfare_batch.state import RUNNING_STATUSES

__all__ = ["BarReporter"]


class BarReporter:
    """Draws the bars. Use it as a context manager while the batch runs, and call it at every transition."""

    def __init__(self, console: Console | None = None) -> None:
        """Draw on this console, or on stderr."""
        self._progress = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console or Console(file=sys.stderr),
            expand=True,
        )
        self._batch: TaskID | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Start to draw."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing; the bars stay on the screen."""
        self._progress.stop()

    def __call__(self, name: str, position: int, total: int, status: str) -> None:
        """Add a bar for an index that starts, and remove it when the index ends."""
        if self._batch is None:
            self._batch = self._progress.add_task("Indexes", total=total, completed=position - 1)
        if status in RUNNING_STATUSES:
            self._tasks[name] = self._progress.add_task(escape_line(name), total=None)
            self._progress.refresh()
            return
        if name in self._tasks:
            self._progress.remove_task(self._tasks.pop(name))
        self._progress.advance(self._batch)
        if status == "failed":
            self._progress.console.print(f"{escape_line(name)}: failed", markup=False)

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Update the bar of an index."""
        task = self._tasks.get(report.index)
        if task is not None:
            self._progress.update(
                task,
                description=escape_line(f"{report.index}: {report.title or report.activity}"),
                completed=report.documents_done,
                total=report.documents_total or None,
            )
