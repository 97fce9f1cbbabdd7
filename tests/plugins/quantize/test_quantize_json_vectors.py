"""Vectors that need attention in JSON documents: reported while planning, and before the index is dropped."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.errors import UnconvertibleDocuments
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare.server.knn import nearest
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.indexing import wait_until_indexed

VECTORS = np.load(Path(__file__).parents[3] / "examples" / "wordnet" / "vectors.npy")[:60] * 100
DIMS = VECTORS.shape[1]

Create = Callable[..., MigrationPlan]


@pytest.fixture
def create(server: Server) -> Create:
    """Indexes JSON documents whose vectors are real, but for some; plans another datatype."""

    def build(others: Mapping[int, Any], metric: str = "COSINE", *, path: str = "$.vec", **more: Any) -> MigrationPlan:
        documents = [{"vec": others.get(row, each.tolist())} for row, each in enumerate(VECTORS)]
        server.bulk([("JSON.SET", f"word:{row}", "$", json.dumps(each)) for row, each in enumerate(documents)])
        server.command(
            *("FT.CREATE", "words", "ON", "JSON", "PREFIX", 1, "word:", "SCHEMA", path, "AS", "vec"),
            *("VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", metric),
        )
        wait_until_indexed(server, "words")
        changes = {"update_fields": [{"name": "vec", "attrs": {"datatype": "float16"} | more}]}
        return MigrationPlanner(accept_recall_loss=True).create_plan_from_patch(
            "words", schema_patch={"version": 1, "changes": changes}, server=server
        )

    return build


def vector(*values: float) -> list[float]:
    return [*values, *[0.0] * (DIMS - len(values))]


def sample_warnings(lines: Sequence[str]) -> list[str]:
    """Return the warnings about sampled documents, up to the keys."""
    return [line.split(")")[0] + ")" for line in lines if "sampled" in line]


def test_each_kind_is_reported_with_its_keys(create: Create) -> None:
    made = create({3: vector(7e4), 4: vector(1e-9), 5: vector(), 6: vector(3e-5), 7: [1, 2], 8: "no vector", 9: None})
    assert sample_warnings(made.warnings) == [
        "overflow in '$.vec' of 1 of 60 sampled documents (word:3)",
        "underflow in '$.vec' of 1 of 60 sampled documents (word:4)",
        "all zeros in '$.vec' of 1 of 60 sampled documents (word:5)",
        "subnormal in '$.vec' of 1 of 60 sampled documents (word:6)",
        "wrong length in '$.vec' of 2 of 60 sampled documents (word:8, word:7)",
    ]
    assert sum("apply stops unless --allow-overflow is given" in line for line in made.warnings) == 2


@pytest.mark.parametrize(("kind", "value"), [("overflow", 7e4), ("underflow", 1e-9)])
def test_a_vector_that_would_hide_others_stops_the_run(
    kind: str, value: float, create: Create, server: Server, tmp_path: Path
) -> None:
    made = create({3: vector(value)})
    before = database_digest(server), index_state(server)
    with pytest.raises(UnconvertibleDocuments, match=rf"--allow-overflow(.|\n)*1 document with {kind}(.|\n)*word:3"):
        MigrationExecutor().apply(made, server=server, backup_dir=tmp_path)
    assert (database_digest(server), index_state(server)) == before


def test_allowed_documents_are_no_recall_queries(create: Create, server: Server, tmp_path: Path) -> None:
    """A vector that the index holds as infinity has no neighbours."""
    made = create({3: vector(7e4)}, "L2")
    report = MigrationExecutor().apply(made, server=server, backup_dir=tmp_path, allow={"overflow"})
    assert [(note.kind, note.keys) for note in report.notes] == [("overflow", (b"word:3",))]
    (found,) = [each for each in report.validation.findings if each.name == "recall:vec"]
    assert found.passed
    assert found.data["recall@10"] > 0.95


def test_notes_that_do_not_stop_the_run_are_in_the_report(create: Create, server: Server, tmp_path: Path) -> None:
    made = create({3: vector(1e-9), 4: [1, 2]}, "L2")
    report = MigrationExecutor().apply(made, server=server, backup_dir=tmp_path)
    assert sorted((note.kind, note.count, note.keys) for note in report.notes) == [
        ("underflow", 1, (b"word:3",)),
        ("wrong length", 1, (b"word:4",)),
    ]
    assert len(nearest(server, "words", "vec", VECTORS[0].astype("<f2").tobytes(), 60)) == 59


def test_vectors_that_are_truncated_too_are_noted_once(create: Create, server: Server, tmp_path: Path) -> None:
    made = create({3: vector(), 4: [1, 2, 3], 5: vector(3e-5, 0, 1e-9)}, dims=2)
    report = MigrationExecutor().apply(made, server=server, backup_dir=tmp_path)
    assert sorted((note.kind, note.count) for note in report.notes) == [
        ("all zeros", 1),
        ("subnormal", 1),
        ("wrong length", 1),
    ]


def test_several_vectors_in_a_document_are_not_predicted_and_the_plan_says_so(create: Create) -> None:
    several = {row: [each.tolist(), each.tolist()] for row, each in enumerate(VECTORS)}
    made = create(several, path="$.vec[*]")
    assert made.supported
    assert (
        f"none of the documents has one vector of {DIMS} values in '$.vec[*]': recall is not predicted or measured"
        in made.warnings
    )
