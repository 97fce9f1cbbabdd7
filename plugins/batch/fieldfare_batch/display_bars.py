"""A bar for the whole batch, and one for each index that is worked on. Imports rich: load it only where it is shown."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from fieldfare.cli.printable import one_line
from fieldfare.markers import hookimpl
from fieldfare.report import StepReport
from fieldfare_batch.display import BEGUN

__all__ = ["BarDisplay"]


class BarDisplay:
    """The display. Use it as a context manager while the batch runs, and call it at every transition."""

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
        self._whole: TaskID | None = None
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        """Start to draw."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the bars as they are and give the terminal back."""
        self._progress.stop()

    def __call__(self, name: str, position: int, total: int, status: str) -> None:
        """Give an index that starts a bar, and take it from one that ends."""
        if self._whole is None:
            self._whole = self._progress.add_task("Indexes", total=total, completed=position - 1)
        if status in BEGUN:
            self._tasks[name] = self._progress.add_task(one_line(name), total=None)
            self._progress.refresh()
            return
        if name in self._tasks:
            self._progress.remove_task(self._tasks.pop(name))
        self._progress.advance(self._whole)
        if status == "failed":
            self._progress.console.print(f"{one_line(name)}: failed", markup=False)

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Bring the bar of an index up to date."""
        task = self._tasks.get(report.index)
        if task is not None:
            self._progress.update(
                task,
                description=one_line(f"{report.index}: {report.title or report.activity}"),
                completed=report.documents_done,
                total=report.documents_total or None,
            )
