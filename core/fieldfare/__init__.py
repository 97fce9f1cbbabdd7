"""Crash-safe, plugin-extensible migrations for Redis Search indexes."""

from fieldfare.markers import hookimpl, hookspec

__all__ = ["__version__", "hookimpl", "hookspec"]

__version__ = "0.1.0"
