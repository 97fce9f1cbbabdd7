"""Asking a run to stop between two batches."""

from __future__ import annotations

import threading

__all__ = ["StopRequest"]


class StopRequest:
    """Set from a signal handler or another thread, looked at by the engine after each batch."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask the run to finish its current batch and stop."""
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Wait for somebody to ask, for some seconds at most; return whether somebody did."""
        return self._event.wait(seconds)

    @property
    def is_set(self) -> bool:
        """Whether somebody asked."""
        return self._event.is_set()
