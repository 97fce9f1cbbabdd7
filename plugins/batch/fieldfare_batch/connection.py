"""The server that a caller gave, or the one that the URL names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fieldfare.errors import UsageError
from fieldfare.server import Server, connect

__all__ = ["opened"]


@contextmanager
def opened(server: Server | None, url: str | None) -> Iterator[Server]:
    """Give the server; one that was opened here is closed in the end.

    Raises:
        UsageError: neither was given.
        PreconditionError: there is no usable server at this URL.
    """
    if server is not None:
        yield server
    elif not url:
        raise UsageError("No server: give redis_url (--url, FIELDFARE_URL or REDIS_URL).")
    else:
        with connect(url) as connected:
            yield connected
