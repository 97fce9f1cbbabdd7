"""Real embeddings in a live index, with and without the property that their leading values suffice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from attrs import frozen
from numpy.typing import NDArray

from fieldfare.definition import Storage
from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine, Outcome
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.indexing import wait_until_indexed

WORDNET: Final = Path(__file__).parents[3] / "examples" / "wordnet" / "vectors.npy"
PLAN: Final = ("--plan", "plan.yaml")
BACKUP: Final = ("--backup-dir", "backup")


@pytest.fixture(scope="session")
def embeddings() -> NDArray[np.float32]:
    """2,000 sentence embeddings of 384 dims, unit length, of a model that was not trained to be truncated."""
    vectors: NDArray[np.float32] = np.load(WORDNET).astype("<f4")
    return vectors


@pytest.fixture(scope="session")
def rotated(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same embeddings, rotated onto their principal axes.

    All lengths and angles are as before, but the leading values carry most, as those of a model that was trained
    for it do.
    """
    _, _, axes = np.linalg.svd(embeddings.astype(np.float64), full_matrices=False)
    vectors: NDArray[np.float32] = (embeddings.astype(np.float64) @ axes.T).astype("<f4")
    return vectors


@frozen
class Workbench:
    """An index over documents with vectors, and the command line.

    Attributes:
        server: where they live.
        command: the command line.
    """

    server: Server
    command: CommandLine

    def create(
        self,
        vectors: NDArray[Any],
        storage: Storage = Storage.HASH,
        *,
        metric: str = "COSINE",
        datatype: str = "FLOAT32",
        algorithm: str = "FLAT",
    ) -> None:
        """Write documents ``doc:0``, ``doc:1``, … and create the index ``articles`` over them."""
        vector = (algorithm, 6, "TYPE", datatype, "DIM", vectors.shape[1], "DISTANCE_METRIC", metric)
        if storage is Storage.HASH:
            self.server.bulk(
                [
                    ("HSET", f"doc:{row}", "kind", "ab"[row % 2], "embedding", each.tobytes())
                    for row, each in enumerate(vectors)
                ]
            )
            schema: tuple[Any, ...] = ("kind", "TAG", "embedding", "VECTOR", *vector)
        else:
            documents = ({"kind": "ab"[row % 2], "embedding": each.tolist()} for row, each in enumerate(vectors))
            self.server.bulk([("JSON.SET", f"doc:{row}", "$", json.dumps(each)) for row, each in enumerate(documents)])
            schema = ("$.kind", "AS", "kind", "TAG", "$.embedding", "AS", "embedding", "VECTOR", *vector)
        on = ("ON", storage.value, "PREFIX", 1, "doc:")
        self.server.command("FT.CREATE", "articles", *on, "SCHEMA", *schema)
        wait_until_indexed(self.server, "articles")

    def plan(self, changes: Mapping[str, Any], *options: str, code: int = 0) -> Outcome:
        """Plan a patch; give what was shown."""
        patch = json.dumps({"version": 1, "changes": changes})
        (self.command.directory / "patch.yaml").write_text(patch)
        return self.expect(
            code, "plan", "--index", "articles", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml", *options
        )

    def truncate(self, dims: int, *options: str, code: int = 0, **update: Any) -> Outcome:
        """Plan fewer dims and nothing else."""
        return self.plan(
            {"update_fields": [{"name": "embedding", "attrs": {"dims": dims}, **update}]}, *options, code=code
        )

    def apply(self, *options: str, code: int = 0) -> Outcome:
        """Carry the plan out."""
        return self.expect(code, "apply", *PLAN, *BACKUP, *options)

    def validate(self) -> Outcome:
        """Compare the live index with the plan."""
        return self.expect(0, "validate", *PLAN)

    def rollback(self, *options: str, code: int = 0) -> Outcome:
        """Roll the run back."""
        return self.expect(code, "rollback", *BACKUP, *options)

    def expect(self, code: int, *arguments: str) -> Outcome:
        """Run a command that ends with this code."""
        outcome = self.command(*arguments)
        assert outcome.code == code, outcome.stdout + outcome.stderr
        return outcome

    def state(self) -> object:
        """Everything about the database."""
        return database_digest(self.server), index_state(self.server)

    def stored(self, key: str, datatype: str = "<f4", field: str = "embedding") -> NDArray[Any]:
        """Read a document's vector."""
        if self.server.command("TYPE", key) == b"hash":
            return np.frombuffer(self.server.command("HGET", key, field), datatype)
        return np.array(json.loads(self.server.command("JSON.GET", key, f"$.{field}"))[0])


@pytest.fixture
def bench(redis_url: str, server: Server, tmp_path: Path) -> Workbench:
    """An empty database, and the command line in a directory of its own."""
    return Workbench(server, CommandLine(redis_url, tmp_path))


@pytest.fixture
def reference() -> Callable[..., NDArray[np.float64]]:
    """Truncation, vector by vector."""

    def truncate(vectors: NDArray[Any], dims: int) -> NDArray[np.float64]:
        rows = []
        for vector in vectors.astype(np.float64):
            kept, length = vector[:dims], np.linalg.norm(vector)
            rows.append(kept if not kept.any() else kept / np.linalg.norm(kept) * length)
        return np.array(rows)

    return truncate
