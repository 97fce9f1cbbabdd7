"""Several indexes on a real server, and the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest

from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.indexing import wait_until_indexed

DIMS = 8

PATCH = """\
version: 1
changes:
  update_fields:
    - name: embedding
      attrs:
        datatype: float16
"""

Load: TypeAlias = Callable[..., None]


@pytest.fixture
def fieldfare(redis_url: str, server: Server, tmp_path: Path) -> CommandLine:
    """The command line, in a directory with a patch, and an empty server."""
    del server
    (tmp_path / "patch.yaml").write_text(PATCH)
    return CommandLine(redis_url, tmp_path)


@pytest.fixture
def load(server: Server) -> Load:
    """Creates an index over hashes with a title and, by default, a float32 vector."""

    def create(name: str, prefixes: Sequence[str] | None = None, *, count: int = 20, vector: bool = True) -> None:
        prefixes = (f"{name}:",) if prefixes is None else prefixes
        vectors = np.random.default_rng(len(name)).standard_normal((count, DIMS)).astype("<f4")
        server.bulk(
            [
                ("HSET", f"{prefixes[0]}{row}", "title", f"number {row}", "embedding", vectors[row].tobytes())
                for row in range(count)
            ]
        )
        schema = ["title", "TEXT"]
        if vector:
            schema += ["embedding", "VECTOR", "FLAT", "6", "TYPE", "FLOAT32"]
            schema += ["DIM", str(DIMS), "DISTANCE_METRIC", "COSINE"]
        server.command("FT.CREATE", name, "PREFIX", len(prefixes), *prefixes, "SCHEMA", *schema)
        wait_until_indexed(server, name)

    return create
