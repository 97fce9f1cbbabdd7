"""One Redis server or cluster: connecting, capabilities, reading and writing documents, locks.

``connector`` opens a :class:`Server`, ``connection`` is one. ``inspect`` reads indexes, ``keys`` lists keys,
``document_reader`` and ``document_writer`` read and write fields of documents in batches.
May import: ``documents`` and below. Must not know: changes, plans, plugins, backups.

The exports are imported on first use: the import of redis-py takes longer than ``fieldfare --help`` may take.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fieldfare.server.connection import Server
    from fieldfare.server.connector import connect

__all__ = ["Server", "connect"]

_HOMES: Final = {"Server": "connection", "connect": "connector"}


def __getattr__(name: str) -> Any:
    """Import an exported name on first use."""
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
