"""The base of all errors."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

__all__ = ["FieldfareError", "single_full_stops"]

_TWO_FULL_STOPS: Final = re.compile(r"(?<=[\w)\]'\"%])\.\.(?=\s|$)")
"""Not an ellipsis, and not the parent directory."""


class FieldfareError(Exception):
    """Base of all errors. ``exit_code`` is what the command line ends with."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str) -> None:
        super().__init__(single_full_stops(message))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the message and the fields: an error may come from a worker in another process."""
        return _rebuilt, (type(self), self.args), dict(self.__dict__)


def _rebuilt(kind: type[FieldfareError], arguments: tuple[Any, ...]) -> FieldfareError:
    error = kind.__new__(kind)
    error.args = arguments
    return error


def single_full_stops(message: str) -> str:
    """Return a message with one full stop where a quoted reason, which is a sentence itself, left two."""
    return _TWO_FULL_STOPS.sub(".", message)
