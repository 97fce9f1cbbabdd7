"""Having an optional library count as not installed, where importing it would take time for nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["absent"]


@contextmanager
def absent(module: str) -> Iterator[None]:
    """Have a module that is not imported yet count as not installed, during the body."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # so an import of it fails
    try:
        yield
    finally:
        del sys.modules[module]
