"""Documents and indexes to migrate."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fieldfare.server import Server

__all__ = [
    "INDEX",
    "WORDNET",
    "Load",
    "load_embeddings",
    "load_json",
    "load_tenants",
    "load_texts",
    "load_vectors",
    "make_embeddings",
    "put_vectors",
]

Load: TypeAlias = Callable[[Server], None]
"""Puts documents and their index on a server."""

INDEX: Final = "bench"
WORDNET: Final = Path(__file__).parents[2] / "examples" / "wordnet" / "vectors.npy"
"""2,000 real sentence embeddings of 384 values."""

ROWS: Final = 500


def load_vectors(count: int, dims: int, index: str = INDEX, prefix: str = "doc:") -> Load:
    """Return a loader of documents with one random float32 vector each, under a FLAT index."""

    def load(server: Server) -> None:
        put_vectors(server, count, dims, prefix)
        _create_vector_index(server, index, prefix, "FLAT", dims)

    return load


def put_vectors(server: Server, count: int, dims: int, prefix: str = "doc:") -> None:
    """Write documents with one random float32 vector each."""
    random = np.random.default_rng(1)
    for start in range(0, count, ROWS):
        _put_vectors(server, prefix, start, random.standard_normal((min(ROWS, count - start), dims)))


def load_embeddings(count: int, path: Path, algorithm: str) -> Load:
    """Return a loader of documents with one sentence embedding each.

    Args:
        count: how many documents.
        path: an .npy file of float32 rows. If it has fewer than ``count``, the rest are weighted means of two of them.
        algorithm: the algorithm of the index: FLAT or HNSW.
    """

    def load(server: Server) -> None:
        vectors = make_embeddings(count, path)
        for start in range(0, count, ROWS):
            _put_vectors(server, "doc:", start, vectors[start : start + ROWS])
        _create_vector_index(server, INDEX, "doc:", algorithm, vectors.shape[1])

    return load


def load_texts(count: int) -> Load:
    """Return a loader of documents with three short fields."""

    def load(server: Server) -> None:
        for rows in _ranges(count):
            server.bulk(
                [("HSET", f"doc:{row}", "title", f"title {row}", "kind", "a", "year", row % 50) for row in rows]
            )
        server.command(
            *("FT.CREATE", INDEX, "PREFIX", 1, "doc:"),
            *("SCHEMA", "title", "TEXT", "kind", "TAG", "year", "NUMERIC"),
        )

    return load


def load_json(count: int, path: str) -> Load:
    """Return a loader of JSON documents with three short fields, one of them at this path and called ``kind``."""

    def load(server: Server) -> None:
        for rows in _ranges(count):
            bodies = [
                json.dumps({"title": f"title {row}", path.removeprefix("$."): "a", "year": row % 50}) for row in rows
            ]
            server.bulk([("JSON.SET", f"doc:{row}", "$", body) for row, body in zip(rows, bodies, strict=True)])
        server.command(
            *("FT.CREATE", INDEX, "ON", "JSON", "PREFIX", 1, "doc:", "SCHEMA", "$.title", "AS", "title", "TEXT"),
            *(path, "AS", "kind", "TAG", "SEPARATOR", ",", "$.year", "AS", "year", "NUMERIC"),
        )

    return load


def load_tenants(names: Sequence[str], count: int, dims: int) -> Load:
    """Return a loader of several indexes as by :func:`load_vectors`, each over a prefix of its own."""

    def load(server: Server) -> None:
        for name in names:
            load_vectors(count, dims, name, f"{name}:")(server)

    return load


def _ranges(count: int) -> Iterator[range]:
    return (range(start, min(start + ROWS, count)) for start in range(0, count, ROWS))


def make_embeddings(count: int, path: Path, dims: int | None = None) -> NDArray[np.float32]:
    """Return the rows of an .npy file of vectors; if it has fewer, the rest are weighted means of two of them.

    Args:
        count: how many rows.
        path: the file.
        dims: how many values of each vector are taken, from the first on; None: all.

    Returns:
        Unit vectors of shape ``(count, dims)``.
    """
    vectors = np.load(path)[:count, :dims].astype("<f4")
    random = np.random.default_rng(2)
    missing = count - len(vectors)
    first, second = random.integers(len(vectors), size=(2, missing))
    weights = random.uniform(0.1, 0.9, (missing, 1)).astype("<f4")
    mixed = weights * vectors[first] + (1 - weights) * vectors[second]
    every: NDArray[Any] = np.concatenate([vectors, mixed])
    return np.asarray(every / np.linalg.norm(every, axis=1, keepdims=True), "<f4")


def _put_vectors(server: Server, prefix: str, start: int, vectors: NDArray[Any]) -> None:
    rows = vectors.astype("<f4")
    server.bulk([("HSET", f"{prefix}{start + row}", "vec", rows[row].tobytes()) for row in range(len(rows))])


def _create_vector_index(server: Server, index: str, prefix: str, algorithm: str, dims: int) -> None:
    server.command(
        *("FT.CREATE", index, "PREFIX", 1, prefix, "SCHEMA", "vec", "VECTOR", algorithm, 6),
        *("TYPE", "FLOAT32", "DIM", dims, "DISTANCE_METRIC", "COSINE"),
    )
