"""Points at which tests let faults happen: before and after everything that leaves a trace.

Everything that a run does to a server or to a disk passes one of a few places, and each of them calls
:func:`reach`. A point's name says what goes on, what is done, and when:
``rewrite:server.send:before`` is reached before a batch is sent while documents are rewritten.

Outside of tests nobody listens, and a point costs one comparison. See :mod:`fieldfare.testing.faults`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["EFFECTS", "OUTSIDE", "during", "listen", "reach"]

OUTSIDE = "open"
"""What goes on before the first activity, and between two."""

EFFECTS = {
    "server.send": ("before", "after"),
    "server.receive": ("before", "after"),
    "file.append": ("before", "middle", "after"),
    "file.sync": ("before", "after"),
    "file.replace": ("before", "written", "renamed", "after"),
    "file.rename": ("before", "after"),
    "file.remove": ("before", "after"),
}
"""What is done, and its moments. ``middle``: a frame is torn. ``written``: the new content has another name still;
``renamed``: the directory does not know for certain."""

_listener: Callable[[str], None] | None = None
_activity: ContextVar[str] = ContextVar("activity", default=OUTSIDE)


def reach(point: str) -> None:
    """Come by a point: ``effect:moment``, as in :data:`EFFECTS`.

    Raises:
        Exception: whatever the listener of a test wants to happen here.
    """
    if _listener is not None:
        _listener(f"{_activity.get()}:{point}")


@contextmanager
def during(activity: str) -> Iterator[None]:
    """Say what goes on inside, for the names of points; threads that copy the context say the same."""
    token = _activity.set(activity)
    try:
        yield
    finally:
        _activity.reset(token)


def listen(listener: Callable[[str], None] | None) -> None:
    """Have a function called with the full name of each point that is reached; None for nobody."""
    global _listener  # noqa: PLW0603 - one mechanism for the whole process
    _listener = listener
