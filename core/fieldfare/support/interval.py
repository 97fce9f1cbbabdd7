"""When something is due again that is done from time to time, beside other work."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from attrs import define, field

__all__ = ["Interval"]

SHARE: Final = 10
"""Between two of them pass as many times the seconds that the last one took: so they take little of the time."""


@define
class Interval:
    """When something is due.

    Attributes:
        seconds: least time between the end of one and the start of the next one.
    """

    seconds: float
    _due_at: float = field(init=False, default=-math.inf)

    @property
    def is_due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self._due_at

    def hurry(self) -> None:
        """Make it due now."""
        self._due_at = -math.inf

    @contextmanager
    def doing(self) -> Iterator[None]:
        """Do it in the body; what takes long is due less often."""
        began = time.monotonic()
        try:
            yield
        finally:
            now = time.monotonic()
            self._due_at = now + max(self.seconds, (now - began) * SHARE)
