"""Waiting for indexes: Redis takes documents that were there before an index in the background."""

from __future__ import annotations

from time import sleep
from typing import Final

from fieldfare.server import Server
from fieldfare.server.inspect import list_indexes, read_stats

__all__ = ["wait_until_indexed"]

LOOK_SECONDS: Final = 0.01


def wait_until_indexed(server: Server, *names: str) -> None:
    """Wait until these indexes, by default all of them, have every document.

    Raises:
        IndexNotFound: there is none of one of the names.
    """
    for name in names or list_indexes(server):
        while (stats := read_stats(server, name)).indexing or stats.percent_indexed < 1.0:
            sleep(LOOK_SECONDS)
