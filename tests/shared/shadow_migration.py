"""A migration with shadow fields, on every kind of documents, and applications that write meanwhile."""

from __future__ import annotations

import json
import random
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from attrs import define, field, frozen

from applications import sending, watching
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport, Result
from fieldfare.server import Server
from fieldfare.server.index_names import real_name
from fieldfare.server.pipeline import Command
from fieldfare.testing.indexing import wait_until_indexed

__all__ = ["DIMS", "DOCUMENTS", "RENAMED", "SHAPES", "Migration", "Shape", "vector", "writing"]

DOCUMENTS: Final = 60
DIMS: Final = 4


def vector(seed: float) -> list[float]:
    """Return a vector of numbers that float32 holds exactly."""
    return [seed, 1.0, -seed, 0.5]


@frozen
class Shape:
    """One kind of documents, and a change that rewrites their vectors.

    Attributes:
        storage: the storage of the documents.
        attrs: the attributes of the vector field after the change.
        path: the path of the vectors.
        shadow: the path of their shadow fields.
        name: the name of the vector field after the change.
    """

    storage: str
    attrs: dict[str, Any]
    path: str
    shadow: str
    name: str = "v"

    @property
    def has_way_back(self) -> bool:
        """Whether the old form of a vector follows from the new one."""
        return "dims" not in self.attrs

    def write(self, key: str, seed: float) -> Command:
        """Return the command that writes a document, or replaces one of JSON as a whole."""
        if self.storage == "json":
            return "JSON.SET", key, "$", json.dumps({"t": f"word {seed}", "in": {"v": vector(seed)}})
        return "HSET", key, "t", f"word {seed}", "v", struct.pack("<4f", *vector(seed))

    def update(self, key: str, seed: float) -> Command:
        """Return the command that writes the vector of a document that is there."""
        if self.storage == "json":
            return "JSON.SET", key, self.path, json.dumps(vector(seed))
        return "HSET", key, "v", struct.pack("<4f", *vector(seed))

    def write_shadow(self, key: str, seed: float) -> Command:
        """Return the command with which an application writes the new form of a vector."""
        if self.storage == "json":
            return "JSON.SET", key, self.shadow, json.dumps(self.converted(vector(seed)))
        return "HSET", key, self.shadow, self.converted(struct.pack("<4f", *vector(seed)))

    def remove(self, key: str) -> Command:
        """Return the command that removes the vector of a document."""
        return ("JSON.DEL", key, self.path) if self.storage == "json" else ("HDEL", key, "v")

    def read(self, server: Server, key: str, path: str) -> Any:
        """Return a vector of a document: bytes, or numbers; None if it has none."""
        if self.storage == "hash":
            return server.command("HGET", key, path)
        found = server.command("JSON.GET", key, path)
        values = json.loads(found) if found else []
        return values[0] if values else None

    def converted(self, original: Any) -> Any:
        """Return what the change makes of a vector."""
        if original is None:
            return None
        if self.storage == "json":
            return original[: self.attrs.get("dims")]
        values = np.frombuffer(original, "<f4")[: self.attrs.get("dims", DIMS)]
        return values.astype({"float16": "<f2"}.get(self.attrs.get("datatype", ""), "<f4")).tobytes()


SHAPES: Final = {
    "hash-datatype": Shape("hash", {"datatype": "float16"}, "v", "v__v2"),
    "hash-dims": Shape("hash", {"dims": 2}, "v", "v__v2"),
    "json-dims": Shape("json", {"dims": 2}, "$.in.v", "$.in.v__v2"),
}
RENAMED: Final = {
    "hash-rename-datatype": Shape("hash", {"datatype": "float16"}, "v", "w", name="w"),
    "json-rename": Shape("json", {}, "$.in.v", "$.in.w", name="w"),
}


@define
class Migration:
    """One migration of the index ``books``, from plan to rollback.

    Attributes:
        shape: its documents, and the change.
        server: where the index lives.
        backup_dir: the backup directory of the run.
        index: the name by which it is planned.
    """

    shape: Shape
    server: Server
    backup_dir: Path
    executor: MigrationExecutor = field(factory=MigrationExecutor)
    index: str = "books"

    def fill(self, *, own_name: bool = False) -> None:
        """Write documents, and create an index over them, with an alias or under its own name."""
        server, shape = self.server, self.shape
        server.bulk([shape.write(f"d:{row}", row) for row in range(DOCUMENTS)])
        server.command(*shape.remove("d:4"))
        server.command("PEXPIREAT", "d:2", 4102444800123)
        if shape.storage == "hash":
            server.command("HPEXPIREAT", "d:3", 4102444800456, "FIELDS", 1, "v")
        index = "books" if own_name else "books_1"
        fields = ("$.t", "AS", "t", "TEXT", shape.path, "AS", "v") if shape.storage == "json" else ("t", "TEXT", "v")
        server.command(
            *("FT.CREATE", index, "ON", shape.storage, "PREFIX", 1, "d:", "SCHEMA", *fields),
            *("VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
        )
        if not own_name:
            server.command("FT.ALIASADD", "books", index)
        wait_until_indexed(server)

    def plan(self, mode: str = "shadow", **changes: Any) -> MigrationPlan:
        """Plan the change."""
        update: dict[str, Any] = {"name": "v", "attrs": self.shape.attrs}
        if "dims" in self.shape.attrs:
            update["truncation"] = {"renormalize": False}
        if self.shape.attrs:
            changes["update_fields"] = [update]
        if self.shape.name != "v":
            changes["rename_fields"] = [{"old_name": "v", "new_name": self.shape.name}]
        patch = {"version": 1, "changes": changes}
        planner = MigrationPlanner(accept_recall_loss=True)  # writers change most of the neighbours
        return planner.create_plan_from_patch(self.index, schema_patch=patch, server=self.server, mode=mode)

    def apply(self, plan: MigrationPlan | None = None, **options: Any) -> Result:
        """Apply the plan."""
        plan = plan or self.plan()
        return self.executor.apply(plan, server=self.server, backup_dir=self.backup_dir, **options).result

    def rollback(self, **options: Any) -> Result:
        """Roll back."""
        return self.executor.rollback(server=self.server, backup_dir=self.backup_dir, **options).result

    def finalize(self, **options: Any) -> Result:
        """Remove the originals."""
        return self.executor.finalize(server=self.server, backup_dir=self.backup_dir, **options).result

    def sync(self, **options: Any) -> MigrationReport:
        """Convert what was written to the originals."""
        return self.executor.sync(server=self.server, backup_dir=self.backup_dir, **options)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Let a watch run, and stop it when every document is converted."""
        with watching(self.server.url, self.backup_dir):
            yield
            assert self.converges()

    def converges(self) -> bool:
        """Wait until every document is converted; whether that comes in a minute."""
        deadline = time.monotonic() + 60
        while self.outdated():
            if time.monotonic() > deadline:
                return False
        return True

    def values(self, key: str) -> tuple[list[float] | None, list[float] | None]:
        """Return what a document has under the old path, and under that of the shadow field."""
        found = [self.shape.read(self.server, key, path) for path in (self.shape.path, self.shape.shadow)]
        dtypes = ("<f4", {"float16": "<f2"}.get(self.shape.attrs.get("datatype", ""), "<f4"))
        old, new = (
            np.frombuffer(value, dtype).tolist() if isinstance(value, bytes) else value
            for value, dtype in zip(found, dtypes, strict=True)
        )
        return old, new

    def outdated(self) -> dict[str, tuple[Any, Any]]:
        """Return the documents whose shadow field is not what the change makes of their vector, with both.

        After the switch, a document without a vector keeps its shadow field.
        """
        is_switched = real_name(self.server, "books") == "books__v2"
        keys = [key.decode() for key in self.server.command("KEYS", "d:*")]
        values = {
            key: [self.shape.read(self.server, key, each) for each in (self.shape.path, self.shape.shadow)]
            for key in keys
        }
        return {
            key: (original, shadow)
            for key, (original, shadow) in values.items()
            if shadow != self.shape.converted(original) and not (is_switched and original is None)
        }


@contextmanager
def writing(url: str, shape: Shape, *, removes: bool = True) -> Iterator[list[int]]:
    """Let applications update, insert, replace and delete documents all the time; yields how often each has.

    Args:
        url: of the server.
        shape: of the documents.
        removes: whether they also remove the vectors of documents, which may not exist.
    """

    def choose(dice: random.Random) -> Command:
        key, seed = f"d:{dice.randrange(DOCUMENTS + 40)}", dice.randrange(1, 2000)
        others = [shape.write(key, seed), ("DEL", key), *([shape.remove(key)] if removes else [])]
        command: Command = dice.choice([*others, *[shape.update(key, seed)] * 3])
        return command

    with sending(url, choose, ("no such key", "new objects", "could not perform")) as counts:
        yield counts
