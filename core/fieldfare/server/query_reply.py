"""Replies to FT.SEARCH and FT.AGGREGATE.

RESP2 answers with lists, RESP3 with maps. In a cluster, search 8.2 can give any of these maps as a flat list in RESP3,
too, when a shard has been restarted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["WRONG_VECTOR_LENGTH", "aggregate_rows", "ranked_results", "result_ids", "search_rows", "total_of"]

WRONG_VECTOR_LENGTH: Final = "blob size"
"""What the server's message about a query vector of another length contains."""


def total_of(reply: Any) -> int:
    """Return how many documents a query found."""
    return int(reply[0] if _is_resp2(reply) else _map(reply)[b"total_results"])


def result_ids(reply: Any) -> list[bytes]:
    """Return the keys in the reply to FT.SEARCH with NOCONTENT."""
    return reply[1:] if _is_resp2(reply) else [_map(result)[b"id"] for result in _map(reply)[b"results"]]


def ranked_results(reply: Any) -> list[tuple[bytes, float, bytes | None]]:
    """Return key, score and sort key of each document in the reply to FT.SEARCH NOCONTENT WITHSCORES WITHSORTKEYS.

    A sort key is ``#`` and a number, or ``$`` and text; None without SORTBY, and for a document that lacks the field.
    """
    if _is_resp2(reply):
        rows = zip(reply[1::3], reply[2::3], reply[3::3], strict=True)
        return [(key, float(score), sort_key) for key, score, sort_key in rows]
    results = map(_map, _map(reply)[b"results"])
    return [(each[b"id"], float(each[b"score"]), each.get(b"sortkey")) for each in results]


def search_rows(reply: Any) -> list[tuple[bytes, Mapping[bytes, Any]]]:
    """Return key and fields of each document in the reply to FT.SEARCH with content."""
    if _is_resp2(reply):
        return [(key, _map(fields)) for key, fields in zip(reply[1::2], reply[2::2], strict=True)]
    results = map(_map, _map(reply)[b"results"])
    return [(result[b"id"], _map(result.get(b"extra_attributes"))) for result in results]


def aggregate_rows(reply: Any) -> list[Mapping[bytes, Any]]:
    """Return the fields of each row in the reply to FT.AGGREGATE or FT.CURSOR READ, without the cursor."""
    if _is_resp2(reply):
        return list(map(_map, reply[1:]))
    return [_map(_map(result).get(b"extra_attributes")) for result in _map(reply)[b"results"]]


def _is_resp2(reply: Any) -> bool:
    return isinstance(reply, list) and (not reply or isinstance(reply[0], int))


def _map(reply: Any) -> Mapping[bytes, Any]:
    if isinstance(reply, dict):
        return reply
    # a document that was deleted in the meantime has no fields
    return dict(zip(reply[::2], reply[1::2], strict=True)) if reply else {}
