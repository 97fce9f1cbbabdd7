"""The server that the classes for programs are given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fieldfare.errors import UsageError
from fieldfare.server import Server, connect

if TYPE_CHECKING:
    from fieldfare.server.client_address import AnyClient

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
        from fieldfare.server.connector import connect_like  # noqa: PLC0415 - start-up time

        with connect_like(client) as opened:
            yield opened
    elif url:
        with connect(url) as opened:
            yield opened
    else:
        raise UsageError("No server: give redis_url (--url, FIELDFARE_URL or REDIS_URL).")
