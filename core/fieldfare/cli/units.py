"""Sizes and durations as text."""

from __future__ import annotations

from typing import Final

__all__ = ["bytes_text", "seconds_text"]

UNITS: Final = ("bytes", "KB", "MB", "GB", "TB")
STEP: Final = 1024


def bytes_text(count: float) -> str:
    """Return a number of bytes as text, in powers of 1024: ``2.86 GB``."""
    size = float(abs(count))
    unit = 0
    while size >= STEP and unit < len(UNITS) - 1:
        size /= STEP
        unit += 1
    sign = "-" if count < 0 else ""
    return f"{sign}{size:,.0f} {UNITS[0]}" if unit == 0 else f"{sign}{size:,.2f} {UNITS[unit]}"


def seconds_text(seconds: float) -> str:
    """Return a duration as text: ``0.012 s``, ``4.2 s``, ``1 min 5 s``."""
    if seconds < 1:
        return f"{seconds:.3f} s"
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:,.0f} min {rest:.0f} s" if minutes else f"{rest:.1f} s"
