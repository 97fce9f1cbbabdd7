"""int8 and uint8 for indexes that say little, or extreme things, about their vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from fieldfare.api import MigrationPlanner
from fieldfare.changes import UpdateField
from fieldfare.definition import Field
from fieldfare.documents import Batch, Column
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.plan import Claim, Step
from fieldfare.server import Server
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare_quantize import plugin

VECTORS = np.load(Path(__file__).parents[3] / "examples" / "wordnet" / "vectors.npy")[:100]
DIMS = VECTORS.shape[1]

ClaimFor = Callable[..., tuple[Claim, list[Step]]]


@pytest.fixture
def claim_for(live: Callable[..., LiveIndex], embedding: Callable[..., Field]) -> ClaimFor:
    """Claims another datatype for these vectors, whatever recall it keeps; gives the claim and its steps."""

    def build(
        vectors: np.ndarray[Any, Any], metric: str, target: str, quantization: Mapping[str, Any] | None = None
    ) -> tuple[Claim, list[Step]]:
        keys = tuple(b"product:%d" % row for row in range(len(vectors)))
        batch = Batch(keys, {"embedding": Column.of(each.tobytes() for each in vectors)})
        source = str(vectors.dtype)
        field = embedding(dims=DIMS, distance_metric=metric, datatype=source)
        update = {"name": "embedding", "attrs": {"datatype": target}, "quantization": quantization or {}}
        index = evolve(
            live(field, documents=[batch]), patch={"update_fields": [update]}, options={"accept_recall_loss": True}
        )
        change = UpdateField("embedding", "datatype", source, target)
        claim = plugin.fieldfare_classify(change, index)
        assert claim is not None
        return claim, list(plugin.fieldfare_plan_steps(change, claim, index)) if claim.is_supported else []

    return build


@pytest.mark.parametrize("vectors", [VECTORS[:0], VECTORS * 0], ids=["none", "zeros"])
@pytest.mark.parametrize(("metric", "target"), [("l2", "int8"), ("ip", "int8"), ("l2", "uint8"), ("cosine", "uint8")])
def test_without_vectors_no_scale_is_chosen(
    claim_for: ClaimFor, vectors: np.ndarray[Any, Any], metric: str, target: str
) -> None:
    claim, _ = claim_for(vectors, metric, target)
    assert claim.reason == f"'embedding': no document has a vector to choose a scale for {target}"
    assert ("set quantization: {scale: ...}" in str(claim.workaround)) == (target == "int8")


@pytest.mark.parametrize(("metric", "quantization"), [("cosine", None), ("l2", {"scale": 0.002})])
def test_where_no_scale_has_to_follow_from_vectors_none_are_needed(
    claim_for: ClaimFor, metric: str, quantization: Mapping[str, Any] | None
) -> None:
    claim, _ = claim_for(VECTORS[:0], metric, "int8", quantization)
    assert claim.is_supported


@pytest.mark.parametrize("target", ["int8", "uint8"])
@pytest.mark.parametrize("factor", [1e-37, 3e38])
def test_values_at_the_ends_of_float32_make_a_plan(claim_for: ClaimFor, factor: float, target: str) -> None:
    _, (step, *_) = claim_for(VECTORS * np.float32(factor), "l2", target)
    batch = Batch((b"product:0",), {"embedding": Column.of([VECTORS[0].tobytes()])})
    assert plugin.fieldfare_transform(step, batch)["embedding"].lengths == (DIMS,)


@pytest.mark.parametrize("offset", [float("nan"), float("inf"), 1e35, 10**400])
def test_an_offset_that_makes_no_vector_is_refused(claim_for: ClaimFor, offset: float) -> None:
    claim, _ = claim_for(np.rint(VECTORS * 500).astype("int8"), "l2", "float32", {"scale": 0.002, "offset": offset})
    assert claim.reason == ("quantization of 'embedding' takes a scale from 1e-30 to 1e+30, and an offset up to ±1e+30")


def test_a_server_that_is_too_old_is_named_with_the_figures(server: Server) -> None:
    if server.capabilities.indexes("int8"):
        pytest.skip("this server has int8 vectors")
    server.bulk([("HSET", f"word:{row}", "vec", each.tobytes()) for row, each in enumerate(VECTORS)])
    field = ("vec", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "IP")
    server.command("FT.CREATE", "words", "PREFIX", 1, "word:", "SCHEMA", *field)
    wait_until_indexed(server, "words")
    claims = {}
    for target in ("int8", "uint8"):
        changes = {"update_fields": [{"name": "vec", "attrs": {"datatype": target}}]}
        plan = MigrationPlanner().create_plan_from_patch(
            "words", schema_patch={"version": 1, "changes": changes}, server=server
        )
        claims[target] = plan.claims[0].claim
        rows = {row["datatype"]: row["recall@10"] for row in claims[target].details["prediction"]}
        assert rows["int8"] > 0.95 > rows["uint8"]
    needed = "{} vectors: it has search 2.10.5, and {} needs search 8.0.0 or newer"
    assert str(claims["int8"].reason).endswith(needed.format("int8", "int8"))
    assert f"{needed.format('uint8', 'uint8')}; 'vec': uint8 would keep {rows['uint8']:.3f} of" in str(
        claims["uint8"].reason
    )
