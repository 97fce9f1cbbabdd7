"""One Redis server or cluster: connecting, capabilities, reading and writing documents, locks.

``connector`` opens a :class:`Server`, ``connection`` is one. ``inspect`` reads indexes, ``keys`` lists keys,
``document_reader`` and ``document_writer`` read and write fields of documents in batches.
May import: ``documents`` and below. Must not know: changes, plans, plugins, backups.

The exports are imported on first use: the import of redis-py takes longer than ``fieldfare --help`` may take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.support.lazy_exports import lazy_exports

if TYPE_CHECKING:
    from fieldfare.server.connection import Server
    from fieldfare.server.connector import connect

__all__ = ["Server", "connect"]

__getattr__ = lazy_exports(__name__, {"Server": "fieldfare.server.connection", "connect": "fieldfare.server.connector"})
