"""Freezes Python's garbage collector, whose full collections stop every thread."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["frozen_gc"]

_GUARD = threading.Lock()
_inside = 0
_frozen = False


@contextmanager
def frozen_gc() -> Iterator[None]:
    """Keep collections short: inside, only objects that were made inside are collected.

    Older garbage is collected after the last context has ended. If the program has called ``gc.freeze()`` itself, this
    does nothing. See https://docs.python.org/3/library/gc.html#gc.freeze .
    """
    global _inside, _frozen  # noqa: PLW0603 - there is one collector in a process
    with _GUARD:
        if not _inside and not gc.get_freeze_count():
            gc.freeze()
            _frozen = True
        _inside += 1
    try:
        yield
    finally:
        with _GUARD:
            _inside -= 1
            if not _inside and _frozen:
                gc.unfreeze()
                _frozen = False
