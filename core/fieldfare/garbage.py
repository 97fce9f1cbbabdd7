"""Python's garbage collection, which stops every thread while it looks at all objects of a program."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["old_objects_left_alone"]

_GUARD = threading.Lock()
_inside = 0
_frozen = False


@contextmanager
def old_objects_left_alone() -> Iterator[None]:
    """Keep collections short inside: they look only at objects that were made inside.

    Garbage that was there before waits until the last one has left. A program that has called ``gc.freeze()``
    itself keeps what it froze: then this does nothing. See https://docs.python.org/3/library/gc.html#gc.freeze .
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside, _frozen  # noqa: PLW0603 - there is one collector in a process
    with _GUARD:
        if not _inside and not gc.get_freeze_count():
            gc.freeze()
            _frozen = True
        _inside += 1


def _leave() -> None:
    global _inside, _frozen  # noqa: PLW0603 - as above
    with _GUARD:
        _inside -= 1
        if not _inside and _frozen:
            gc.unfreeze()
            _frozen = False
