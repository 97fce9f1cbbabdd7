"""Waiting for indexes: Redis indexes existing documents in the background."""

from __future__ import annotations

from time import sleep
from typing import Final

from fieldfare.server import Server
from fieldfare.server.inspect import list_indexes, read_stats

__all__ = ["wait_until_indexed"]

POLL_SECONDS: Final = 0.01


def wait_until_indexed(server: Server, *names: str) -> None:
    """Wait until these indexes, by default all of them, hold every document.

    Raises:
        IndexNotFound: a name has no index.
    """
    for name in names or list_indexes(server):
        while (stats := read_stats(server, name)).indexing or stats.percent_indexed < 1.0:
            sleep(POLL_SECONDS)
