"""One Redis server or cluster: connecting, reading, writing, locking.

What is exported here is loaded when it is first asked for: redis-py takes longer to import
than ``fieldfare --help`` may take to answer.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fieldfare.server.connection import Server
    from fieldfare.server.opening import connect

__all__ = ["Server", "connect"]

_HOMES: Final = {"Server": "connection", "connect": "opening"}


def __getattr__(name: str) -> Any:
    """Import an exported name on first use."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
