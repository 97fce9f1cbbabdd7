"""A migration with shadow fields of documents with two vectors, and what happens at each of its fault points."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fieldfare.api import MigrationPlanner
from fieldfare.server import Server
from fieldfare.support import fault_points
from fieldfare.testing.indexing import wait_until_indexed
from shadow_migration import DIMS, DOCUMENTS, SHAPES, Migration, vector

__all__ = ["applied", "listening", "new_form", "old_form", "values"]


def old_form(seed: float) -> bytes:
    """Return a vector as it was before."""
    return np.array(vector(seed), "<f4").tobytes()


def new_form(seed: float) -> bytes:
    """Return a vector of the new datatype."""
    return np.array(vector(seed), "<f2").tobytes()


def applied(server: Server, backup_dir: Path, changes: dict[str, Any], **options: Any) -> Migration:
    """Apply changes to documents with the vectors ``a`` and ``b``."""
    field = ("VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2")
    server.bulk([("HSET", f"d:{row}", "a", old_form(row), "b", old_form(row)) for row in range(DOCUMENTS)])
    server.command("FT.CREATE", "books", "PREFIX", 1, "d:", "SCHEMA", "a", *field, "b", *field)
    wait_until_indexed(server)
    planner = MigrationPlanner(accept_recall_loss=True)
    patch = {"version": 1, "changes": changes}
    plan = planner.create_plan_from_patch("books", schema_patch=patch, server=server, mode="shadow")
    migration = Migration(SHAPES["hash-datatype"], server, backup_dir)
    migration.apply(plan, **options)
    return migration


@contextmanager
def listening(listener: Callable[[str], None]) -> Iterator[None]:
    """Call a listener at every fault point, except for what it does itself."""

    def listen(point: str) -> None:
        fault_points.listen(None)
        listener(point)
        fault_points.listen(listen)

    fault_points.listen(listen)
    try:
        yield
    finally:
        fault_points.listen(None)


def values(server: Server, *fields: str) -> Sequence[bytes | None]:
    """Return fields of one document."""
    found: Sequence[bytes | None] = server.command("HMGET", "d:1", *fields)
    return found
