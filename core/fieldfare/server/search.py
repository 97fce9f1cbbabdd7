"""Queries whose answers are keys or counts, on servers with any DEFAULT_DIALECT and MAXSEARCHRESULTS."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from redis.exceptions import ResponseError

from fieldfare.definition.reply import encode
from fieldfare.errors import PreconditionError
from fieldfare.server.pipeline import Command
from fieldfare.server.query_reply import result_ids, total_of

if TYPE_CHECKING:
    from fieldfare.server import Server

__all__ = ["count_results", "find_indexed", "read_maximum", "search_all_keys", "search_keys"]

KEYS_PER_QUERY: Final = 1000
DIALECT: Final = ("DIALECT", 2)
"""Sent with every query: under DEFAULT_DIALECT 4 ``LIMIT 0 0`` counts nothing."""

_MAXIMUM: Final = re.compile(r"exceeds maximum of (\d+)")


def count_results(server: Server, index: str, query: str) -> int:
    """Return how many documents a query finds.

    Raises:
        redis.exceptions.ResponseError: the server refuses the query.
    """
    return total_of(server.command("FT.SEARCH", encode(index), encode(query), "NOCONTENT", "LIMIT", 0, 0, *DIALECT))


def search_keys(server: Server, index: str, limit: int) -> list[bytes]:
    """Return the keys of some documents of an index: up to ``limit``, or MAXSEARCHRESULTS if that is less."""
    query = ("FT.SEARCH", encode(index), "*", "NOCONTENT", "LIMIT", 0)
    try:
        reply = server.command(*query, limit, *DIALECT)
    except ResponseError as error:
        reply = server.command(*query, read_maximum(error), *DIALECT)
    return result_ids(reply)


def search_all_keys(server: Server, index: str) -> list[bytes]:
    """Return the keys of all documents of an index with one query, which tells keys with NUL bytes in full.

    Raises:
        PreconditionError: MAXSEARCHRESULTS is less than the index has documents.
    """
    limit = 1
    while True:
        try:
            # without TIMEOUT 0 the server cuts a slow reply short without an error
            reply = server.command(
                "FT.SEARCH", encode(index), "*", "NOCONTENT", "LIMIT", 0, limit, "TIMEOUT", 0, *DIALECT
            )
        except ResponseError as error:
            raise PreconditionError(
                f"The documents of the index {index!r} cannot be listed: a cursor does not return all of them (a key "
                f"has a NUL byte, or MAXAGGREGATERESULTS is too low), and MAXSEARCHRESULTS is {read_maximum(error):,}. "
                f"Set it to {limit:,} or more with FT.CONFIG SET"
            ) from error
        keys = result_ids(reply)
        if len(keys) >= total_of(reply):
            return keys
        limit = total_of(reply)


def find_indexed(server: Server, index: str, keys: Sequence[bytes], *, timeout: int | None = None) -> set[bytes]:
    """Return those of some documents that an index holds.

    Args:
        server: where the index is.
        index: its name.
        keys: of the documents. A query takes a key to end at a NUL byte: for keys that have one, all keys of the index
            are read; those keys count as not found if MAXSEARCHRESULTS forbids that.
        timeout: milliseconds that each query may take; None for the server's own limit.
    """
    with_nul = {key for key in keys if b"\0" in key}
    found: set[bytes] = set()
    if with_nul:
        with suppress(PreconditionError):
            found = with_nul.intersection(search_all_keys(server, index))
    keys = [key for key in keys if key not in with_nul]
    options = (*DIALECT, *(() if timeout is None else ("TIMEOUT", timeout)))
    size, start = KEYS_PER_QUERY, 0
    while start < len(keys):
        chunk = keys[start : start + size]
        query: Command = ("FT.SEARCH", encode(index), "*", "INKEYS", len(chunk), *chunk, "NOCONTENT")
        try:
            reply = server.command(*query, "LIMIT", 0, len(chunk), *options)
        except ResponseError as error:
            size = min(read_maximum(error), size - 1)
            continue
        found.update(result_ids(reply))
        start += len(chunk)
    return found


def read_maximum(error: ResponseError) -> int:
    """Return the MAXSEARCHRESULTS that a query was refused for.

    Raises:
        redis.exceptions.ResponseError: the error itself, if it is another one or nothing may be searched at all.
    """
    match = _MAXIMUM.search(str(error))
    if match is None or int(match[1]) < 1:
        raise error
    return int(match[1])
