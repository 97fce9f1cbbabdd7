"""Defaults and choices of the options for one run, which the command line shows."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["AUTO", "RETRY_SECONDS", "STALL_SECONDS", "Verify"]

RETRY_SECONDS: Final = 60.0
"""Longer than a failover takes with the defaults of Sentinel and Cluster."""

STALL_SECONDS: Final = 600.0
"""Far longer than any document takes to be indexed."""

AUTO: Final = "auto"
"""As many index workers as the server has cores."""


class Verify(StrEnum):
    """How many documents the validation compares with the backup."""

    SAMPLE = "sample"
    FULL = "full"
    NONE = "none"
