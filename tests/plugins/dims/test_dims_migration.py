"""From plan to rollback on real embeddings, alone and together with other changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fieldfare
from fieldfare.definition import Storage
from fieldfare.errors import UsageError
from fieldfare.server.inspect import read_definition
from fieldfare.server.knn import nearest
from fieldfare_dims import encode_query

Reference = Callable[..., NDArray[np.float64]]
Bench = Any  # the class Workbench in conftest.py, which tests cannot import

COUNT = 150


@pytest.mark.parametrize(("storage", "workers"), [(Storage.HASH, "3"), (Storage.JSON, "1")])
def test_vectors_are_truncated_found_and_restored(
    bench: Bench, rotated: NDArray[np.float32], reference: Reference, storage: Storage, workers: str
) -> None:
    vectors = rotated[:COUNT]
    bench.create(vectors, storage)
    bench.server.command("PEXPIREAT", "doc:1", 4102444800123)
    before = bench.state()
    bench.truncate(320)
    applied = bench.apply("--workers", workers, "--batch-size", "40", "--json")

    report = json.loads(applied.stdout)
    assert report["validation"]["passed"] is True
    assert read_definition(bench.server, "articles").fields[1].attrs["dims"] == 320
    expected = reference(vectors, 320)
    for row in (0, 1, 7, COUNT - 1):
        np.testing.assert_allclose(bench.stored(f"doc:{row}"), expected[row], rtol=1e-6, atol=1e-30)
    found = nearest(bench.server, "articles", "embedding", encode_query(vectors[7], 320), 3)
    assert next(iter(found)) == b"doc:7"
    assert bench.server.command("PEXPIRETIME", "doc:1") == 4102444800123
    bench.validate()

    bench.rollback("--workers", workers)
    assert bench.state() == before


def test_a_model_that_was_not_trained_for_it_is_blocked(bench: Bench, embeddings: NDArray[np.float32]) -> None:
    bench.create(embeddings)
    before = bench.state()
    planned = bench.truncate(256, code=4)
    assert "256   0.7" in planned.stdout
    assert "requested, below 0.95" in planned.stdout
    assert "256 dims would keep 0.7" in planned.stderr
    assert "trained for it (Matryoshka)" in planned.stderr
    bench.apply(code=4)
    assert bench.state() == before
    bench.truncate(256, "--accept-recall-loss")
    bench.truncate(256, "--min-recall", "0.7")


@pytest.mark.parametrize("storage", Storage)
def test_everything_about_a_vector_changes_in_one_plan(
    bench: Bench, rotated: NDArray[np.float32], reference: Reference, storage: Storage
) -> None:
    vectors = rotated[:COUNT]
    bench.create(vectors, storage)
    before = bench.state()
    bench.plan(
        {
            "update_fields": [{"name": "vec", "attrs": {"dims": 320, "datatype": "float16", "algorithm": "hnsw"}}],
            "rename_fields": [{"old_name": "embedding", "new_name": "vec"}],
            "index": {"name": "articles_v2", "prefix": "article:"},
        }
    )
    bench.apply("--batch-size", "70", "--workers", "2")

    definition = read_definition(bench.server, "articles_v2")
    field = definition.find("vec")
    assert field is not None
    assert (field.attrs["dims"], field.attrs["datatype"], field.attrs["algorithm"]) == (320, "float16", "HNSW")
    expected = reference(vectors, 320)
    stored = bench.stored("article:7", "<f2", "vec")
    np.testing.assert_allclose(stored, expected[7], rtol=1e-3, atol=1e-7)
    query = encode_query(vectors[7], 320, datatype="float16")
    assert storage is Storage.JSON or query == stored.tobytes()
    assert next(iter(nearest(bench.server, "articles_v2", "vec", query, 3))) == b"article:7"
    bench.validate()

    bench.rollback()
    assert bench.state() == before


def test_a_datatype_is_predicted_on_vectors_that_are_truncated(bench: Bench, rotated: NDArray[np.float32]) -> None:
    bench.create(rotated[:COUNT])
    planned = bench.plan(
        {"update_fields": [{"name": "embedding", "attrs": {"dims": 320, "datatype": "bfloat16"}}]}, "--json"
    )
    dims, datatype = json.loads(planned.stdout)["plan"]["changes"]
    assert [dims["plugin"], datatype["plugin"]] == ["dims", "quantize"]
    assert [each["claim"]["details"]["sample"]["vectors"] for each in (dims, datatype)] == [COUNT, COUNT]
    sizes = {row["datatype"]: row["size_mib"] for row in datatype["claim"]["details"]["prediction"]}
    assert sizes["float32"] == round(COUNT * 320 * 4 / 2**20, 2)
    bench.apply()
    assert bench.server.command("HSTRLEN", "doc:7", "embedding") == 640
    bench.rollback()


def test_one_limit_for_all_that_a_plan_does_to_the_vectors(bench: Bench, rotated: NDArray[np.float32]) -> None:
    """Each change alone would do; together they keep less than required, and the run would say so too late."""
    bench.create(rotated[:COUNT] + np.float32(0.05))
    both = {"update_fields": [{"name": "embedding", "attrs": {"dims": 320, "datatype": "bfloat16"}}]}
    changes = json.loads(bench.plan(both, "--min-recall", "0", "--json").stdout)["plan"]["changes"]
    rows = [row for each in changes for row in each["claim"]["details"]["prediction"] if row["note"] == "requested"]
    cut, converted = (row["recall@10"] for row in rows)
    together = cut * converted
    assert together < min(cut, converted) < 1
    refused = bench.plan(both, "--min-recall", str((together + min(cut, converted)) / 2), code=4)
    assert f"and earlier changes {cut:.3f}: " in refused.stderr
    bench.plan(both, "--min-recall", str(together - 0.0001))


@pytest.mark.parametrize(("datatype", "native"), [("FLOAT64", "<f8"), ("FLOAT16", "<f2"), ("BFLOAT16", "bfloat16")])
def test_other_datatypes(
    bench: Bench, rotated: NDArray[np.float32], reference: Reference, datatype: str, native: str
) -> None:
    vectors = rotated[:COUNT].astype(native)
    bench.create(vectors, datatype=datatype, metric="L2", algorithm="HNSW")
    before = bench.state()
    bench.truncate(320)
    bench.apply()
    expected = reference(vectors, 320)
    np.testing.assert_allclose(bench.stored("doc:9", native).astype(float), expected[9], rtol=1e-2, atol=1e-7)
    bench.rollback()
    assert bench.state() == before


@pytest.mark.parametrize("algorithm", ["FLAT", "HNSW"])
@pytest.mark.parametrize("storage", Storage)
def test_recall_is_measured_as_predicted(
    bench: Bench, rotated: NDArray[np.float32], storage: Storage, algorithm: str
) -> None:
    # numbers of JSON take long to write and to read
    bench.create(rotated if storage is Storage.HASH else rotated[:600], storage, algorithm=algorithm)
    bench.truncate(256)
    report = json.loads(bench.apply("--json").stdout)
    (finding,) = (each for each in report["validation"]["findings"] if each["name"] == "recall:embedding")
    assert finding["passed"] is True
    assert abs(finding["data"]["recall@10"] - finding["data"]["predicted_recall"]) < 0.02
    assert finding["data"]["recall@10"] > 0.95


def test_less_than_required_fails_the_run_and_can_be_rolled_back(
    bench: Bench, rotated: NDArray[np.float32], embeddings: NDArray[np.float32]
) -> None:
    bench.create(rotated)
    bench.truncate(256)
    # before the run the application changes to another model
    bench.server.bulk([("HSET", f"doc:{row}", "embedding", each.tobytes()) for row, each in enumerate(embeddings)])
    before = bench.state()
    failed = bench.apply(code=3)
    assert "recall:embedding" in failed.stdout + failed.stderr
    assert "fieldfare rollback" in failed.stderr
    bench.rollback()
    assert bench.state() == before


def test_a_loss_that_was_accepted_is_measured_and_does_not_fail(bench: Bench, embeddings: NDArray[np.float32]) -> None:
    bench.create(embeddings)
    bench.plan(
        {"update_fields": [{"name": "embedding", "attrs": {"dims": 256, "datatype": "float16"}}]},
        "--accept-recall-loss",
    )
    report = json.loads(bench.apply("--json").stdout)
    (finding,) = (each for each in report["validation"]["findings"] if each["name"] == "recall:embedding")
    assert finding["data"]["recall@10"] < 0.8
    assert report["result"] == "succeeded"
    bench.rollback()


def test_the_plan_encodes_queries_of_the_old_dims(bench: Bench, rotated: NDArray[np.float32]) -> None:
    bench.create(rotated[:COUNT])
    bench.plan(
        {
            "update_fields": [{"name": "vec", "attrs": {"dims": 320, "datatype": "float16"}}],
            "rename_fields": [{"old_name": "embedding", "new_name": "vec"}],
        }
    )
    bench.apply()
    plan = bench.command.directory / "plan.yaml"
    for name in ("vec", "embedding"):
        assert fieldfare.encode_query(rotated[7], plan, name) == bench.server.command("HGET", "doc:7", "vec")
    short = np.frombuffer(encode_query(rotated[7], 320), "<f4")
    assert fieldfare.encode_query(short, plan, "vec") == bench.server.command("HGET", "doc:7", "vec")
    with pytest.raises(UsageError, match=r"has 320 dims, or 384 dims; this vector has the shape \(5,\)"):
        fieldfare.encode_query(rotated[7, :5], plan, "vec")
    bench.rollback()


@pytest.mark.parametrize("storage", Storage)
def test_documents_that_cannot_be_truncated(bench: Bench, rotated: NDArray[np.float32], storage: Storage) -> None:
    bench.create(rotated[:50], storage, metric="L2")
    odd = {"doc:1": np.zeros(384, "<f4"), "doc:2": np.zeros(384, "<f4"), "doc:3": np.ones(7, "<f4")}
    odd["doc:2"][383] = 1
    for key, vector in odd.items():
        if storage is Storage.HASH:
            bench.server.command("HSET", key, "embedding", vector.tobytes())
        else:
            bench.server.command("JSON.SET", key, "$.embedding", json.dumps(vector.tolist()))
    before = bench.state()
    bench.truncate(320, "--accept-recall-loss")
    report = json.loads(bench.apply("--json").stdout)
    notes = {note["kind"]: note["keys"] for note in report["notes"]}
    assert notes == {"zero after truncation": ["doc:2"], "wrong length": ["doc:3"]}
    assert len(bench.stored("doc:3")) == 7
    bench.rollback()
    assert bench.state() == before


def test_a_vector_of_which_only_zeros_would_be_left_stops_the_run_under_cosine(
    bench: Bench, rotated: NDArray[np.float32]
) -> None:
    vectors = rotated[:50].copy()
    vectors[7, :320], vectors[7, 350] = 0, 1
    bench.create(vectors)
    before = bench.state()
    bench.truncate(320, "--accept-recall-loss")
    assert "1 document with zero after truncation in field 'embedding', such as doc:7" in bench.apply(code=4).stderr
    assert bench.state() == before


def test_a_vector_with_nan_stops_the_run_before_anything_is_changed(bench: Bench, rotated: NDArray[np.float32]) -> None:
    vectors = rotated[:50].copy()
    vectors[7, 350] = np.nan
    bench.create(vectors)
    before = bench.state()
    bench.truncate(320, "--accept-recall-loss")
    assert "1 document with NaN in field 'embedding', such as doc:7" in bench.apply(code=4).stderr
    assert bench.state() == before
    bench.apply("--allow-overflow")
    assert bench.stored("doc:7").tobytes() == vectors[7, :320].tobytes()
    bench.rollback()
    assert bench.state() == before


@pytest.mark.parametrize(
    ("attrs", "code", "message"),
    [
        ({"dims": 0}, 2, "must be at least 1, not 0"),
        ({"dims": -3}, 2, "must be at least 1, not -3"),
        ({"dims": 2.5}, 2, "dims"),
        ({"dims": "many"}, 2, "dims"),
        ({"dims": 385}, 4, "vectors of 384 dims can be truncated but not extended"),
    ],
)
def test_dims_that_cannot_be(
    bench: Bench, rotated: NDArray[np.float32], attrs: dict[str, Any], code: int, message: str
) -> None:
    bench.create(rotated[:20])
    outcome = bench.plan({"update_fields": [{"name": "embedding", "attrs": attrs}]}, code=code)
    assert message in outcome.stderr


def test_the_estimate_counts_a_chain_once(bench: Bench, rotated: NDArray[np.float32]) -> None:
    bench.create(rotated[:COUNT])
    bench.plan({"update_fields": [{"name": "embedding", "attrs": {"dims": 320, "datatype": "float16"}}]})
    estimate = json.loads(bench.expect(0, "estimate", "--plan", "plan.yaml", "--json", "--aof-enabled").stdout)
    old, new = COUNT * 384 * 4, COUNT * 320 * 2
    assert estimate["disk_bytes"] == old
    assert estimate["rdb_bytes"] == old
    assert estimate["aof_bytes"] == new
    assert estimate["memory_delta_bytes"] == new - old
    assert estimate["lines"] == [
        "Vector field 'embedding': 384 -> 320 dims, float32",
        "Vector field 'embedding': 320 dims, float32 -> float16",
    ]
