"""Sizes and durations as text."""

from __future__ import annotations

from typing import Final

__all__ = ["about_seconds", "bytes_text", "rough_seconds", "seconds_text"]

UNITS: Final = ("bytes", "KB", "MB", "GB", "TB")
STEP: Final = 1024
MINUTE: Final = 60


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


def about_seconds(seconds: float) -> str:
    """Return an estimated duration as text: ``about 4 s``, ``less than 1 s``."""
    return f"about {rough_seconds(seconds)}" if seconds >= 1 else rough_seconds(seconds)


def rough_seconds(seconds: float) -> str:
    """Return a duration as text for an estimate or a display that counts: ``4 s``, ``1 min 5 s``, ``2 h 10 min``."""
    whole = round(seconds)
    if 0 < seconds < 1:
        return "less than 1 s"
    minutes, rest = divmod(whole, MINUTE)
    hours, minutes = divmod(minutes, MINUTE)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
