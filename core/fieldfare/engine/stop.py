"""Asking a run to stop between two batches."""

from __future__ import annotations

import threading

__all__ = ["StopRequest", "StopRequested"]


class StopRequested(BaseException):
    """The user asked to stop; raised between two batches, through the plugin that works on them."""


class StopRequest:
    """Set from a signal handler or another thread, checked by the engine after each batch."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ask the run to finish its current batch and stop."""
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the request, for some seconds at most; return whether it came."""
        return self._event.wait(seconds)

    @property
    def is_set(self) -> bool:
        """Whether the run was asked to stop."""
        return self._event.is_set()
