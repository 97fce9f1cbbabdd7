"""KNN queries: packing vectors, and finding the documents nearest to one."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any, Final

from redis.exceptions import ResponseError

from fieldfare.server import Server
from fieldfare.server.pipeline import Argument
from fieldfare.server.query_reply import aggregate_rows, search_rows
from fieldfare.server.search import read_maximum

__all__ = ["WIDTHS", "escape_name", "nearest", "pack", "pack_values", "unpack"]

FORMATS: Final = {"float64": "d", "float32": "f", "float16": "e", "int8": "b", "uint8": "B"}

WIDTHS: Final = {**{datatype: struct.calcsize(code) for datatype, code in FORMATS.items()}, "bfloat16": 2}
"""Bytes of one value, by datatype."""

_ESCAPES: Final = {
    code: f"\\{chr(code)}" for code in range(128) if not (chr(code).isalnum() or chr(code) == "_")
}  # a regular expression for this takes milliseconds to compile


def escape_name(name: str) -> str:
    """Return a field's name as queries spell it. The server takes a backslash only before a character of ASCII."""
    return name.translate(_ESCAPES)


def nearest(  # noqa: PLR0913 - what a query consists of
    server: Server,
    index: str,
    field: str,
    vector: bytes,
    count: int,
    *,
    ef_runtime: int | None = None,
    timeout: int | None = None,
) -> dict[bytes, float]:
    """Return the documents nearest to a vector, key → distance, nearest first.

    Args:
        server: the server of the index.
        index: its name.
        field: the vector field's name.
        vector: as bytes of the field's datatype.
        count: how many.
        ef_runtime: EF_RUNTIME of an HNSW query; None for the index's own.
        timeout: milliseconds that the server may take; None for the server's own limit.

    Raises:
        redis.exceptions.ResponseError: the server refuses the query.
    """
    wide = "" if ef_runtime is None else f"EF_RUNTIME {ef_runtime} "
    query = f"*=>[KNN {count} @{escape_name(field)} $vector {wide}AS __distance]"
    options = ("PARAMS", 2, "vector", vector, "DIALECT", 2, *(() if timeout is None else ("TIMEOUT", timeout)))
    try:
        reply = server.command(
            *("FT.SEARCH", index, query, "SORTBY", "__distance", "RETURN", 1, "__distance", "LIMIT", 0, count), *options
        )
    except ResponseError as error:
        read_maximum(error)
        return _nearest_by_cursor(server, index, query, count, options)
    return {key: float(fields[b"__distance"]) for key, fields in search_rows(reply)}


def _nearest_by_cursor(
    server: Server, index: str, query: str, count: int, options: Sequence[Argument]
) -> dict[bytes, float]:
    """Ask with FT.AGGREGATE, whose cursor MAXSEARCHRESULTS does not limit."""
    load = ("LOAD", 2, "@__key", "@__distance", "WITHCURSOR", "COUNT", count + 1)
    reply, cursor = server.command("FT.AGGREGATE", index, query, *load, *options)
    if cursor:
        server.command("FT.CURSOR", "DEL", index, cursor)
    found = [(row[b"__key"], float(row[b"__distance"])) for row in aggregate_rows(reply)]
    return dict(sorted(found, key=lambda pair: pair[1]))


def unpack(vector: bytes, datatype: str) -> tuple[float, ...]:
    """Return the values of a vector."""
    count = len(vector) // WIDTHS[datatype]
    if datatype == "bfloat16":
        halves = struct.unpack(f"<{count}H", vector)
        return struct.unpack(f"<{count}f", struct.pack(f"<{count}I", *(half << 16 for half in halves)))
    return struct.unpack(f"<{count}{FORMATS[datatype]}", vector)


def pack(document: Any, dims: int, datatype: str) -> bytes | None:
    """Return a JSON vector as the bytes that a query takes.

    Args:
        document: the reply to JSON.GET for the field's path.
        dims: the required length.
        datatype: the datatype of the index.

    Returns:
        The bytes, or None if this is not one vector of numbers that the datatype can hold.
    """
    if not isinstance(document, bytes):
        return None
    values = json.loads(document)
    if isinstance(values, list) and len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if not isinstance(values, list) or len(values) != dims or not set(map(type, values)) <= {int, float, bool}:
        return None
    return pack_values(values, datatype)


def pack_values(values: Sequence[float], datatype: str) -> bytes | None:
    """Return the values of a vector as bytes of a datatype; None if it cannot hold them."""
    count = len(values)
    try:
        if datatype == "bfloat16":
            # the upper half of a float32, rounded to the nearest even
            bits = struct.unpack(f"<{count}I", struct.pack(f"<{count}f", *values))
            return struct.pack(f"<{count}H", *((each + 0x7FFF + (each >> 16 & 1)) >> 16 for each in bits))
        return struct.pack(f"<{count}{FORMATS[datatype]}", *values)
    except (struct.error, OverflowError):
        return None
