"""Sizes and durations as text, for commands and for those of plugins."""

from fieldfare.support.units import bytes_text, rough_seconds, seconds_text

__all__ = ["bytes_text", "rough_seconds", "seconds_text"]
