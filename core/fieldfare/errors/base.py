"""The base of all errors."""

from __future__ import annotations

import re
from typing import ClassVar, Final

__all__ = ["FieldfareError", "single_full_stops"]

_TWO_FULL_STOPS: Final = re.compile(r"(?<=[\w)\]'\"%])\.\.(?=\s|$)")
"""Not an ellipsis, and not the parent directory."""


class FieldfareError(Exception):
    """Base of all errors. ``exit_code`` is what the command line ends with."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str) -> None:
        super().__init__(single_full_stops(message))


def single_full_stops(message: str) -> str:
    """Return a message with one full stop where a quoted reason, which is a sentence itself, left two."""
    return _TWO_FULL_STOPS.sub(".", message)
