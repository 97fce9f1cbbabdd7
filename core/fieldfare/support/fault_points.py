"""Fault points: where tests inject faults, before and after every effect on a server or a disk.

The few functions that change a server or a disk call :func:`reach`. The name of a point consists of activity, effect
and moment: ``rewrite:server.send:before`` is reached before a batch is sent while documents are rewritten.

Without a listener a point costs one comparison. See :mod:`fieldfare.testing.faults`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["EFFECTS", "OUTSIDE", "during", "listen", "reach"]

OUTSIDE = "open"
"""The activity before the first one, and between two."""

EFFECTS = {
    "server.send": ("before", "after"),
    "server.receive": ("before", "after"),
    "file.append": ("before", "middle", "after"),
    "file.sync": ("before", "after"),
    "file.replace": ("before", "written", "renamed", "after"),
    "file.rename": ("before", "after"),
    "file.remove": ("before", "after"),
    "storage.write": ("before", "written", "after"),
    "storage.remove": ("before", "after"),
}
"""Effect → its moments. ``middle``: a frame is incomplete. ``written``: the new content still has a temporary name.
``renamed``: the rename is not durable yet. In a storage, ``written``: the object is not read back yet."""

_listener: Callable[[str], None] | None = None
_activity: ContextVar[str] = ContextVar("activity", default=OUTSIDE)


def reach(point: str) -> None:
    """Report that a point is reached: ``effect:moment``, as in :data:`EFFECTS`.

    Raises:
        Exception: whatever the listener of a test raises.
    """
    if _listener is not None:
        _listener(f"{_activity.get()}:{point}")


@contextmanager
def during(activity: str) -> Iterator[None]:
    """Set the activity in the names of points, also for threads that copy the context."""
    token = _activity.set(activity)
    try:
        yield
    finally:
        _activity.reset(token)


def listen(listener: Callable[[str], None] | None) -> None:
    """Set the function that is called with the full name of each point that is reached; None for none."""
    global _listener  # noqa: PLW0603 - one mechanism for the whole process
    _listener = listener
