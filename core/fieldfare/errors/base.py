"""The base of all errors."""

from __future__ import annotations

from typing import ClassVar

__all__ = ["FieldfareError"]


class FieldfareError(Exception):
    """Base of all errors. ``exit_code`` is what the command line ends with."""

    exit_code: ClassVar[int] = 1
