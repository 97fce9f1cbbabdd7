"""Ctrl-C: the first asks the run to stop after its current batch, the second stops at once."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fieldfare.cli.output import notice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from fieldfare.engine.stop import StopRequest

__all__ = ["stop_on_signals"]


@contextmanager
def stop_on_signals(stop: StopRequest) -> Iterator[None]:
    """Turn SIGINT and SIGTERM into a request to stop.

    Raises:
        KeyboardInterrupt: in the body, at the second signal.
    """

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set:
            raise KeyboardInterrupt
        stop.set()
        notice("Stopping after the current batch. Ctrl-C again stops at once. Both can be resumed.")

    previous = {number: signal.signal(number, request_stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
