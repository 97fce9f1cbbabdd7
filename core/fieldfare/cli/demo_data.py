"""The index of the demo: dictionary entries, with vectors of their meaning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from attrs import frozen

from fieldfare.definition import Field, FieldType, IndexDefinition, Storage
from fieldfare.definition.create import create_arguments
from fieldfare.errors import FileError
from fieldfare.server import Server
from fieldfare.server.inspect import index_exists
from fieldfare.server.knn import nearest
from fieldfare.server.search import count_results

__all__ = [
    "SOURCE",
    "DocumentState",
    "Entry",
    "SearchResult",
    "count_tagged",
    "create",
    "load",
    "read_state",
    "remove",
    "search",
]

PREFIX: Final = "fieldfare:demo:"
SOURCE: Final = IndexDefinition(
    name="words",
    storage=Storage.HASH,
    prefixes=(PREFIX,),
    fields=(
        Field("word", FieldType.TEXT, "word"),
        Field("gloss", FieldType.TEXT, "gloss"),
        Field(
            "embedding",
            FieldType.VECTOR,
            "embedding",
            # enough candidates that the approximation of the graph does not change five results
            {"algorithm": "HNSW", "datatype": "float32", "dims": 384, "distance_metric": "COSINE", "ef_runtime": 200},
        ),
    ),
)
"""The documents also hold ``pos``, which is not indexed at first."""


@frozen
class Entry:
    """An entry of the dictionary.

    Attributes:
        word: its first word.
        pos: part of speech: noun, verb, adj or adv.
        gloss: all its words, its definition, examples.
        vector: the embedding of the gloss, 384 numbers, as float32.
    """

    word: str
    pos: str
    gloss: str
    vector: bytes


@frozen
class SearchResult:
    """A search result; ``score`` is the cosine similarity, 1.0 for the same direction."""

    key: bytes
    word: str
    gloss: str
    score: float


@frozen
class DocumentState:
    """The state of the documents: a digest of all their fields, and the bytes of their vectors."""

    digest: str
    vector_bytes: int


def load(directory: Path, documents: str, vectors: str) -> list[Entry]:
    """Read entries and their vectors.

    Args:
        directory: the directory of the files.
        documents: the name of a file with one JSON object per line.
        vectors: the name of a file with an array, one row per line of ``documents``.

    Raises:
        FileError: a file is missing, or the files do not match.
    """
    try:
        lines = (directory / documents).read_text(encoding="utf-8").splitlines()
        rows = np.load(directory / vectors, allow_pickle=False).astype("<f4", copy=False)
        pairs = list(zip(map(json.loads, lines), rows, strict=True))
        return [Entry(each["word"], each["pos"], each["gloss"], row.tobytes()) for each, row in pairs]
    except FileNotFoundError as error:
        where = "the example data is in a clone of the repository, in examples/wordnet: name it with --data"
        raise FileError(directory, [f"there is no {error.filename}; {where}"]) from error
    except (OSError, ValueError, KeyError) as error:
        raise FileError(directory, [f"{documents} and {vectors}: {error}"]) from error


def create(server: Server, entries: Sequence[Entry]) -> None:
    """Create the index and write the documents."""
    server.command(*create_arguments(SOURCE))
    server.bulk(
        [
            (b"HSET", _key(row), b"word", each.word, b"pos", each.pos, b"gloss", each.gloss, b"embedding", each.vector)
            for row, each in enumerate(entries)
        ]
    )


def search(server: Server, index: str, vector: bytes, datatype: str, count: int = 5) -> list[SearchResult]:
    """Return the entries nearest in meaning, nearest first.

    Args:
        server: the server.
        index: the name of the index.
        vector: the query vector, as float32.
        datatype: the datatype of the index: ``float32`` or ``float16``. The query is converted to it.
        count: how many results to return.
    """
    query = np.frombuffer(vector, "<f4").astype(datatype)
    keys = nearest(server, index, "embedding", query.tobytes(), count)
    found = server.bulk([(b"HMGET", key, b"word", b"gloss", b"embedding") for key in keys])
    return [
        SearchResult(key, word.decode(), gloss.decode(), _cosine(query, np.frombuffer(embedding, datatype)))
        for key, (word, gloss, embedding) in zip(keys, found, strict=True)
    ]


def count_tagged(server: Server, index: str, pos: str) -> int:
    """Return how many documents of a part of speech the index finds."""
    return count_results(server, index, f"@pos:{{{pos}}}")


def read_state(server: Server, count: int) -> DocumentState:
    """Return the state of the first ``count`` documents, to the last byte."""
    digest = hashlib.sha256()
    vector_bytes = 0
    for reply in server.bulk([(b"HGETALL", _key(row)) for row in range(count)]):
        fields = dict(reply if isinstance(reply, dict) else zip(reply[::2], reply[1::2], strict=True))
        digest.update(repr(sorted(fields.items())).encode())
        vector_bytes += len(fields.get(b"embedding", b""))
    return DocumentState(digest.hexdigest(), vector_bytes)


def remove(server: Server, indexes: Sequence[str], count: int) -> None:
    """Drop these indexes, if they exist, and delete the documents."""
    server.bulk([(b"DEL", _key(row)) for row in range(count)])
    for name in indexes:
        if index_exists(server, name):
            server.command("FT.DROPINDEX", name)


def _key(row: int) -> bytes:
    return f"{PREFIX}{row:04}".encode()


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one.astype("f8"), other.astype("f8")
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))
