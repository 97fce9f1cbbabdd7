"""Queries are encoded as the documents are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from fieldfare.api import MigrationPlanner
from fieldfare.changes import UpdateField
from fieldfare.cli.app import run
from fieldfare.definition import Field
from fieldfare.documents import Batch, Column
from fieldfare.errors import UsageError
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare_quantize import encode_query, plugin

VECTORS = np.load(Path(__file__).parents[3] / "examples" / "wordnet" / "vectors.npy")[:200]
DIMS = VECTORS.shape[1]


@pytest.fixture
def plan(live: Callable[..., LiveIndex], embedding: Callable[..., Field]) -> Callable[..., MigrationPlan]:
    """Builds the plan that gives ``embedding`` another datatype."""

    def build(target: str, metric: str = "cosine", source: str = "float32") -> MigrationPlan:
        keys = tuple(b"product:%d" % row for row in range(len(VECTORS)))
        values = VECTORS if source == "float32" else np.rint(VECTORS * 500).astype(source)
        batch = Batch(keys, {"embedding": Column.of(value.tobytes() for value in values)})
        index = live(embedding(dims=DIMS, distance_metric=metric, datatype=source), documents=[batch])
        change = UpdateField("embedding", "datatype", source, target)
        claim = plugin.fieldfare_classify(change, evolve(index, options={"min_recall": 0.0}))
        assert claim is not None
        steps = tuple(plugin.fieldfare_plan_steps(change, claim, index))
        return MigrationPlan(1, "drop_recreate", index.snapshot, index.after(change).definition, {}, (), steps, {})

    return build


@pytest.mark.parametrize("target", ["float64", "float16", "bfloat16", "int8", "uint8"])
@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_a_query_has_the_bytes_of_the_document_that_it_equals(
    plan: Callable[..., MigrationPlan], target: str, metric: str
) -> None:
    made = plan(target, metric)
    step, *_ = made.steps
    batch = Batch((b"product:0",), {"embedding": Column.of([VECTORS[7].tobytes()])})
    assert (
        encode_query(VECTORS[7].tolist(), made, "embedding") == plugin.fieldfare_transform(step, batch)["embedding"][0]
    )


@pytest.mark.parametrize(
    ("vector", "field", "reason"),
    [
        ([1.0, 2.0], "embedding", "has 384 dims"),
        ([float("nan")] * DIMS, "embedding", "holds NaN or infinity"),
        ([1.0] * DIMS, "title", "no vector field 'title'; it has embedding"),
    ],
)
def test_vectors_that_do_not_fit(plan: Callable[..., MigrationPlan], vector: Any, field: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        encode_query(vector, plan("int8"), field)


def test_codes_that_came_from_codes_need_another_plan(plan: Callable[..., MigrationPlan]) -> None:
    with pytest.raises(UsageError, match="does not have the calibration"):
        encode_query([1.0] * DIMS, plan("uint8", "l2", "int8"), "embedding")


def test_the_command_reads_a_plan_and_a_vector(
    server: Server, redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields = ("vec", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "words", "PREFIX", 1, "word:", "SCHEMA", *fields)
    server.command("HSET", "word:1", "vec", np.array([1, 2], "<f4").tobytes())
    changes = {
        "update_fields": [{"name": "vec", "attrs": {"datatype": "float16"}}],
        "rename_fields": [{"old_name": "vec", "new_name": "embedding"}],
    }
    planner = MigrationPlanner()
    made = planner.create_plan_from_patch("words", schema_patch={"version": 1, "changes": changes}, redis_url=redis_url)
    planner.write_plan(made, tmp_path / "plan.yaml")
    (tmp_path / "vector.json").write_text("[1, 2]")
    arguments = ["encode-query", "--plan", str(tmp_path / "plan.yaml"), "--vector", str(tmp_path / "vector.json")]
    for name in ("vec", "embedding"):
        assert run([*arguments, "--field", name]) == 0
        assert capsys.readouterr().out == '"\\x00\\x3c\\x00\\x40"\n'
    assert run([*arguments, "--field", "vec", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"field": "vec", "bytes": 4, "hex": "003c0040"}
    (tmp_path / "vector.json").write_text('{"no": "list"}')
    assert run([*arguments, "--field", "vec"]) == 2
    assert "a JSON list of numbers is needed" in capsys.readouterr().err
