"""Redis finds what was converted."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any, Final

import ml_dtypes
import numpy as np
import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.documents import Batch, Column
from fieldfare.errors import UnconvertibleDocuments
from fieldfare.testing.digest import database_digest, index_state
from fieldfare_quantize import plugin
from fieldfare_quantize.conversion import ConversionParameters, plan_conversion
from fieldfare_vectors.datatype import DATATYPES

if TYPE_CHECKING:
    from pathlib import Path

    from fieldfare.server import Server

DIMS: Final = 16
KEYS: Final = tuple(b"doc:%d" % row for row in range(30))


def create(server: Server, datatype: str, metric: str = "COSINE") -> None:
    """Create an index of vectors of this datatype."""
    fields: tuple[Any, ...] = ("vec", "VECTOR", "FLAT", 6, "TYPE", datatype, "DIM", DIMS, "DISTANCE_METRIC", metric)
    server.command("FT.CREATE", "idx", "PREFIX", 1, "doc:", "SCHEMA", *fields)


def nearest(server: Server, vector: bytes) -> bytes:
    """Return the key of the nearest document."""
    query = "*=>[KNN 1 @vec $vector]"
    reply = server.command("FT.SEARCH", "idx", query, "PARAMS", 2, "vector", vector, "NOCONTENT", "DIALECT", 2)
    found: bytes = reply[1] if isinstance(reply, list) else reply[b"results"][0][b"id"]
    return found


def converted(source: str, target: str) -> Batch:
    """Convert a few vectors from one datatype to another."""
    native = np.dtype(ml_dtypes.bfloat16 if source == "bfloat16" else source)
    vectors = np.random.default_rng(7).standard_normal((len(KEYS), DIMS)).astype(native)
    step = plan_conversion(ConversionParameters("vec", "vec", source, target, DIMS))
    return plugin.fieldfare_transform(step, Batch(KEYS, {"vec": Column.of(vector.tobytes() for vector in vectors)}))


@pytest.mark.parametrize(("source", "target"), list(permutations(DATATYPES, 2)))
def test_every_converted_vector_finds_itself(server: Server, source: str, target: str) -> None:
    batch = converted(source, target)
    create(server, target.upper())
    for key, vector in zip(batch.keys, batch["vec"], strict=True):
        server.command("HSET", key, "vec", vector or b"")
    assert [nearest(server, vector or b"") for vector in batch["vec"]] == list(KEYS)


def test_vectors_of_a_wrong_length_are_not_indexed(server: Server) -> None:
    step = plan_conversion(ConversionParameters("vec", "vec", "float32", "float16", DIMS))
    values = [np.ones(DIMS, "<f4").tobytes(), b"short", np.ones(DIMS, "<f2").tobytes()]
    batch = plugin.fieldfare_transform(step, Batch(KEYS[:3], {"vec": Column.of(values)}))
    create(server, "FLOAT16")
    for key, vector in zip(batch.keys, batch["vec"], strict=True):
        server.command("HSET", key, "vec", vector or b"")
    reply = server.command("FT.SEARCH", "idx", "*", "NOCONTENT", "DIALECT", 2)
    found = reply[1:] if isinstance(reply, list) else [each[b"id"] for each in reply[b"results"]]
    assert sorted(found) == [b"doc:0", b"doc:2"]
    assert {note.kind: note.keys for note in batch.notes} == {
        "wrong length": (b"doc:1",),
        "converted already": (b"doc:2",),
    }


@pytest.mark.parametrize("metric", ["COSINE", "L2"])
def test_a_vector_that_becomes_zeros_stops_a_run_under_cosine(metric: str, server: Server, tmp_path: Path) -> None:
    """Redis divides by its length: one such vector, indexed first, hides nearly all others from every query."""
    vectors = np.random.default_rng(7).standard_normal((len(KEYS), DIMS)).astype("<f4")
    vectors[3] *= np.float32(1e-12)
    create(server, "FLOAT32", metric)
    server.bulk([("HSET", key, "vec", vector.tobytes()) for key, vector in zip(KEYS, vectors, strict=True)])
    patch = {"version": 1, "changes": {"update_fields": [{"name": "vec", "attrs": {"datatype": "float16"}}]}}
    plan = MigrationPlanner(accept_recall_loss=True).create_plan_from_patch("idx", schema_patch=patch, server=server)
    executor = MigrationExecutor()
    if metric == "L2":
        (note,) = executor.apply(plan, server=server, backup_dir=tmp_path).notes
        assert (note.kind, note.keys) == ("underflow", (b"doc:3",))
        return
    before = database_digest(server), index_state(server)
    with pytest.raises(UnconvertibleDocuments, match=r"--allow-overflow(.|\n)*1 document with underflow(.|\n)*doc:3"):
        executor.apply(plan, server=server, backup_dir=tmp_path)
    assert (database_digest(server), index_state(server)) == before
