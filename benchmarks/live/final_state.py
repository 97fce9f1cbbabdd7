"""What documents and the index hold at the end, when clients have stopped: nothing is stale, and queries find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fieldfare.server import Server
from fieldfare.server.query_reply import result_ids
from live.documents import Dictionary

__all__ = ["count_stale", "measure_recall"]

Rewritten: TypeAlias = Callable[[NDArray[np.float32]], NDArray[Any]] | None

BATCH: Final = 500
QUERIES: Final = 50
NEAREST: Final = 10
TOLERANCE: Final = 1e-6
"""By how much the rounding of a similarity may differ."""


def count_stale(server: Server, rewritten: Rewritten, prefix: str) -> int:
    """Return how many documents the new index reads otherwise than they were written, byte for byte."""
    stale = 0
    for keys in _keys(server, "word:"):
        originals = _vectors(server, keys)
        if rewritten is not None:
            expected = [each.tobytes() for each in rewritten(_matrix(originals))]
            found = server.bulk([("HGET", key, "embedding__v2") for key in keys])
        else:
            expected = _whole(server, keys)
            found = _whole(server, [key.replace(b"word:", prefix.encode(), 1) for key in keys])
        stale += sum(one != other for one, other in zip(expected, found, strict=True))
    return stale


def measure_recall(server: Server, rewritten: Rewritten, dictionary: Dictionary, prefix: str) -> float:
    """Return recall@10 of the new index against exact answers over what was written, for some of the documents."""
    every = [key for keys in _keys(server, "word:") for key in keys]
    parts = [every[start : start + BATCH] for start in range(0, len(every), BATCH)]
    matrix = _matrix([vector for part in parts for vector in _vectors(server, part)])
    directions = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    row_of = {key: row for row, key in enumerate(every)}
    hits = 0
    for row in np.random.default_rng(1).choice(len(every), QUERIES, replace=False):
        similarities = directions @ directions[row]
        least = np.sort(similarities)[-NEAREST] - TOLERANCE  # several documents may be as near
        query = matrix[row : row + 1] if rewritten is None else rewritten(matrix[row : row + 1])
        found = result_ids(server.command(*dictionary.nearest(query.tobytes())))
        rows = [row_of[key.replace(prefix.encode(), b"word:", 1)] for key in found]
        hits += sum(bool(similarities[each] >= least) for each in rows)
    return hits / (QUERIES * NEAREST)


def _keys(server: Server, prefix: str) -> Iterator[list[bytes]]:
    for node in server.nodes():
        cursor = b"0"
        while True:
            cursor, keys = server.command_at(node, "SCAN", cursor, "MATCH", f"{prefix}*", "COUNT", BATCH)
            if keys:
                yield list(dict.fromkeys(keys))
            if cursor == b"0":
                break


def _vectors(server: Server, keys: Sequence[bytes]) -> list[bytes]:
    return server.bulk([("HGET", key, "embedding") for key in keys])


def _matrix(vectors: Sequence[bytes]) -> NDArray[np.float32]:
    return np.frombuffer(b"".join(vectors), "<f4").reshape(len(vectors), -1)


def _whole(server: Server, keys: Sequence[bytes]) -> list[Any]:
    return server.bulk([("HGETALL", key) for key in keys])
