"""Progress of a whole batch on stderr: bars in a terminal, two lines per index elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from fieldfare.cli.output import notice
from fieldfare.cli.progress import can_draw_bars, registered
from fieldfare.hooks.manager import Plugins
from fieldfare.support.units import seconds_text
from fieldfare_batch.state import RUNNING_STATUSES

__all__ = ["LineReporter", "show_batch_progress"]

Reporter: TypeAlias = Callable[[str, int, int, str], None]


@contextmanager
def show_batch_progress(plugins: Plugins) -> Iterator[Reporter]:
    """Show the progress of the batch that runs in the body; the body calls the reporter at every transition."""
    if not can_draw_bars():
        yield LineReporter()
        return
    from fieldfare_batch.progress_bars import BarReporter  # noqa: PLC0415 - start-up time

    bars = BarReporter()
    with registered(plugins, bars), bars.display:
        yield bars


class LineReporter:
    """Writes a line when an index starts and when it ends."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}

    def __call__(self, name: str, position: int, total: int, status: str) -> None:
        """Write a line."""
        started = self._started.pop(name, None)
        duration = "" if started is None else f" in {seconds_text(time.monotonic() - started)}"
        if status in RUNNING_STATUSES:
            self._started[name] = time.monotonic()
        notice(f"[{position}/{total}] {name}: {status}{duration}")
