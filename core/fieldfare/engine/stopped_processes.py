"""Ends processes that were stopped (SIGSTOP) and do not continue: nobody else would notice them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from multiprocessing.process import BaseProcess
from typing import Final

__all__ = ["StoppedProcesses"]

LOOK_SECONDS: Final = 1.0
"""How often processes are looked at."""

STOPPED_SECONDS: Final = 30.0
"""How long a process may be stopped. With Ctrl+Z all of them are, and they continue with the one that looks."""


class StoppedProcesses:
    """Looks at processes in a thread, and kills those that stay stopped. Not on macOS before Python 3.13.

    Args:
        started: returns the processes, which are children of this one.
    """

    def __init__(self, started: Callable[[], Collection[BaseProcess]]) -> None:
        self._started = started
        self._since: dict[int, float] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._look, name="fieldfare stopped processes", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._closed.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            now = time.monotonic()
            stopped = [each.pid for each in self._started() if each.pid is not None and _is_stopped(each.pid)]
            self._since = {pid: self._since.get(pid, now) for pid in stopped}
            for pid, since in self._since.items():
                if now - since >= STOPPED_SECONDS:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)


def _is_stopped(pid: int) -> bool:
    """Whether a child is stopped; what it says when it ends is left to its parent's other threads."""
    if not hasattr(os, "waitid"):
        return False
    try:
        found = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT | os.WNOHANG)
    except ChildProcessError:  # it has ended
        return False
    return found is not None and found.si_code == os.CLD_STOPPED
