"""The documents, their index, and what clients ask and write: dictionary entries with sentence embeddings."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

from comparison.documents import make_embeddings
from fieldfare.server import Server
from fieldfare.server.pipeline import Command
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare.testing.servers import clear

__all__ = ["NAME", "Dictionary"]

NAME: Final = "words"
ROWS: Final = 500
KINDS: Final = 100
"""How many values the tag has; a query of one finds this share of the documents."""

WRITTEN: Final = 2000
"""How many documents the writing client writes, over and over again."""


@frozen(eq=False)
class Dictionary:
    """Documents with their vectors; the texts repeat after the last entry.

    Attributes:
        entries: word, part of speech and gloss.
        vectors: one for each document.
    """

    entries: Sequence[dict[str, Any]]
    vectors: NDArray[np.float32]

    @classmethod
    def read(cls, entries: Path, vectors: Path, count: int, dims: int | None = None) -> Dictionary:
        """Read both files; if there are fewer vectors, further ones are weighted means of two of them.

        Args:
            entries: JSON lines.
            vectors: an .npy file.
            count: how many documents there are.
            dims: how many values of each vector are taken, from the first on; None: all.
        """
        lines = entries.read_text(encoding="utf-8").splitlines()
        return cls([json.loads(line) for line in lines], make_embeddings(count, vectors, dims))

    def load(self, server: Server, *, has_vectors: bool, is_alias: bool) -> None:
        """Empty the server, write the documents, and create an index over them that answers to ``words``."""
        clear(server)
        count = len(self.vectors)
        for start in range(0, count, ROWS):
            numbers = range(start, min(start + ROWS, count))
            server.bulk([self._write(f"word:{number}", number)[1] for number in numbers])
        index, dims = f"{NAME}_1" if is_alias else NAME, self.vectors.shape[1]
        vector = ("TYPE", "FLOAT32", "DIM", dims, "DISTANCE_METRIC", "COSINE")
        server.command(
            *("FT.CREATE", index, "PREFIX", 1, "word:", "SCHEMA", "gloss", "TEXT", "kind", "TAG"),
            *(("embedding", "VECTOR", "FLAT", 6, *vector) if has_vectors else ()),
        )
        if is_alias:
            server.command("FT.ALIASADD", NAME, index)
        wait_until_indexed(server)

    def queries(self, *, has_vectors: bool) -> list[Command]:
        """Return a nearest-neighbor query (or one of a phrase), one of a word, one of a filter, and an aggregation."""
        words = str(self.entries[7]["gloss"]).split(":", maxsplit=1)[0].split()
        phrase = ("FT.SEARCH", NAME, f"@gloss:({' '.join(words[:2])})", "NOCONTENT", "LIMIT", 0, 5)
        return [
            self.nearest(self.vectors[7].tobytes()) if has_vectors else phrase,
            ("FT.SEARCH", NAME, words[0], "NOCONTENT", "LIMIT", 0, 5),
            ("FT.SEARCH", NAME, "@kind:{k7}", "NOCONTENT", "LIMIT", 0, 5),
            ("FT.AGGREGATE", NAME, words[0], "GROUPBY", 1, "@kind", "REDUCE", "COUNT", 0, "AS", "count"),
        ]

    @staticmethod
    def nearest(vector: bytes) -> Command:
        """Return the query for the 10 nearest documents."""
        return "FT.SEARCH", NAME, "*=>[KNN 10 @embedding $v]", "PARAMS", 2, "v", vector, "NOCONTENT", "DIALECT", 2

    def writes(self) -> list[tuple[bytes, Command]]:
        """Return keys and commands: documents are added, updated and deleted during a migration."""
        made: list[tuple[bytes, Command]] = []
        for number in range(WRITTEN):
            made += [self._write(f"word:new:{number}", number), self._write(f"word:{number}", number + 1)]
            if number % 2:
                key = f"word:new:{number - 1}"
                made.append((key.encode(), ("DEL", key)))
        return made

    def _write(self, key: str, number: int) -> tuple[bytes, Command]:
        entry = self.entries[number % len(self.entries)]
        facts = ("gloss", entry["gloss"], "pos", entry["pos"], "number", number, "kind", f"k{number % KINDS}")
        vector = self.vectors[number % len(self.vectors)].tobytes()
        return key.encode(), ("HSET", key, *facts, "embedding", vector)
