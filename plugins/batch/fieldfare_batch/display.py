"""Progress of a whole batch on stderr: one bar in a terminal, two lines an index elsewhere."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

from fieldfare.cli.output import notice
from fieldfare.cli.units import seconds_text
from fieldfare.plugins import Plugins

__all__ = ["BEGUN", "LineDisplay", "show_batch"]

NAME: Final = "terminal"
BEGUN: Final = frozenset({"in_progress", "rolling_back"})
"""What the executor says of an index that it begins to work on."""

Display: TypeAlias = Callable[[str, int, int, str], None]


@contextmanager
def show_batch(plugins: Plugins) -> Iterator[Display]:
    """Show the progress of the batch that runs in the body, which calls what it is given at every transition."""
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield LineDisplay()
        return
    from fieldfare_batch.display_bars import BarDisplay  # noqa: PLC0415 - start-up time

    display = BarDisplay()
    plugins.register(display, NAME)
    try:
        with display:
            yield display
    finally:
        plugins.manager.unregister(name=NAME)


class LineDisplay:
    """Writes a line when an index starts and when it ends."""

    def __init__(self) -> None:
        self._started: dict[str, float] = {}

    def __call__(self, name: str, position: int, total: int, status: str) -> None:
        """Write a line."""
        started = self._started.pop(name, None)
        spent = "" if started is None else f" in {seconds_text(time.monotonic() - started)}"
        if status in BEGUN:
            self._started[name] = time.monotonic()
        notice(f"[{position}/{total}] {name}: {status}{spent}")
