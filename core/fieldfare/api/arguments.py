"""What the classes of programs are given, checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fieldfare.engine.options import Verify
from fieldfare.errors import UsageError
from fieldfare.server import Server, connect

__all__ = ["require_workers", "required_verify", "server_at"]


def required_verify(text: str) -> Verify:
    """Return how much is compared.

    Raises:
        UsageError: it is none of the choices.
    """
    if text not in set(Verify):
        raise UsageError(f"verify={text!r}: it is {', '.join(Verify)}. Nothing was changed.")
    return Verify(text)


def require_workers(number: int) -> None:
    """Make sure that there is a worker.

    Raises:
        UsageError: there is none.
    """
    if number < 1:
        raise UsageError(f"num_workers={number}: it takes at least one worker. Nothing was changed.")


@contextmanager
def server_at(server: Server | None, url: str | None) -> Iterator[Server]:
    """Give an open connection, or open one for as long as it is needed.

    Raises:
        UsageError: neither is given.
        PreconditionError: there is no usable server at this URL.
    """
    if server is not None:
        yield server
    elif not url:
        raise UsageError("No server: give redis_url (--url, FIELDFARE_URL or REDIS_URL).")
    else:
        with connect(url) as opened:
            yield opened
