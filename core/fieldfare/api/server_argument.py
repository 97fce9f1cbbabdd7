"""The server that the classes for programs are given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fieldfare.errors import UsageError
from fieldfare.server import Server, connect
from fieldfare.server.client_address import AnyClient
from fieldfare.server.connector import connect_like

__all__ = ["server_at"]


@contextmanager
def server_at(server: Server | None, url: str | None, client: AnyClient | None = None) -> Iterator[Server]:
    """Yield the given connection, or open one to the server of a client or a URL and close it at the end.

    Raises:
        UsageError: nothing is given.
        PreconditionError: there is no usable server.
    """
    if server is not None:
        yield server
    elif client is not None:
        with connect_like(client) as opened:
            yield opened
    elif url:
        with connect(url) as opened:
            yield opened
    else:
        raise UsageError("No server: give redis_url (--url, FIELDFARE_URL or REDIS_URL).")
