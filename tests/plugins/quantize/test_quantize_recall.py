"""Recall as it is measured: true neighbours before, the live index's answers after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.errors import ValidationFailed
from fieldfare.findings import Finding, Severity
from fieldfare.plan import MigrationPlan
from fieldfare.report import MigrationReport
from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare_quantize.recall import RECALL

VECTORS = np.load(Path(__file__).parents[3] / "examples" / "wordnet" / "vectors.npy")[:600] + np.float32(0.15)
"""Moved so far from the origin that bfloat16 loses about one neighbour in a hundred."""

DIMS = VECTORS.shape[1]


def create(
    server: Server,
    vectors: np.ndarray[Any, Any] = VECTORS,
    *,
    algorithm: str = "FLAT",
    metric: str = "COSINE",
    json_: bool = False,
) -> None:
    """Fill the server and index it."""
    if json_:
        documents = [{"vec": each.tolist()} for each in vectors]
        server.bulk([("JSON.SET", f"word:{row}", "$", json.dumps(each)) for row, each in enumerate(documents)])
    else:
        server.bulk([("HSET", f"word:{row}", "vec", each.tobytes()) for row, each in enumerate(vectors)])
    field = ("$.vec", "AS", "vec") if json_ else ("vec",)
    server.command(
        *("FT.CREATE", "words", "ON", "JSON" if json_ else "HASH", "PREFIX", 1, "word:", "SCHEMA", *field),
        *("VECTOR", algorithm, 6, "TYPE", "FLOAT32", "DIM", vectors.shape[1], "DISTANCE_METRIC", metric),
    )
    wait_until_indexed(server, "words")


def plan(
    server: Server, datatype: str = "bfloat16", changes: dict[str, Any] | None = None, **options: Any
) -> MigrationPlan:
    update = {"update_fields": [{"name": "vec", "attrs": {"datatype": datatype}}]}
    patch = {"version": 1, "changes": update | (changes or {})}
    return MigrationPlanner(**options).create_plan_from_patch("words", schema_patch=patch, server=server)


def recall(report: MigrationReport, field: str = "vec") -> Finding:
    """Return the finding; fails if there is none, or more than one."""
    (found,) = [each for each in report.validation.findings if each.name == f"recall:{field}"]
    return found


@pytest.mark.parametrize("algorithm", ["FLAT", "HNSW"])
def test_the_report_tells_what_the_live_index_finds(algorithm: str, server: Server, tmp_path: Path) -> None:
    create(server, algorithm=algorithm)
    made = plan(server)
    found = recall(MigrationExecutor().apply(made, server=server, backup_dir=tmp_path))
    assert found.passed
    assert found.data["questions"] == 100
    assert found.data["algorithm"] == algorithm
    assert found.data["recall@10 before"] == pytest.approx(1.0, abs=0.002)
    assert 0.95 < found.data["recall@10"] < 1.0, "bfloat16 loses a few"
    assert found.data["recall@10"] == pytest.approx(found.data["predicted"], abs=0.02)
    if algorithm == "HNSW":
        assert "as the index is asked by default" in found.detail


def test_the_figure_is_that_of_a_search_by_hand(server: Server, tmp_path: Path) -> None:
    vectors = np.random.default_rng(3).standard_normal((200, 4)).astype("<f4") * 1e-2 + 1
    create(server, vectors, metric="L2")
    made = plan(server, accept_recall_loss=True)
    found = recall(MigrationExecutor().apply(made, server=server, backup_dir=tmp_path))
    stored: list[Any] = [server.command("HGET", f"word:{row}", "vec") for row in range(200)]
    rounded = np.frombuffer(b"".join(stored), "<u2")
    after = (rounded.astype("<u4") << 16).view("<f4").reshape(200, 4)

    def nearest(values: np.ndarray[Any, Any], row: int) -> set[int]:
        far = ((values.astype(float) - values[row].astype(float)) ** 2).sum(axis=1)
        far[row] = np.inf
        return set(np.argsort(far)[:10].tolist())

    shares = [len(nearest(vectors, row) & nearest(after, row)) / 10 for row in range(200)]
    assert 0.1 < float(np.mean(shares)) < 0.9
    # of half the documents, and where rounding makes many equally near, Redis chooses among them
    assert found.data["recall@10"] == pytest.approx(np.mean(shares), abs=0.1)


def test_what_was_written_late_counts_in_the_prediction(server: Server, tmp_path: Path) -> None:
    """The first 5,000 documents would say that bfloat16 loses nearly nothing."""
    vectors = np.random.default_rng(4).standard_normal((10_000, 16)).astype("<f4")
    vectors[5000:] = vectors[5000:] * np.float32(0.03) + 1
    field = ("vec", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 16, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "words", "PREFIX", 1, "word:", "SCHEMA", *field)
    server.bulk([("HSET", f"word:{row}", "vec", each.tobytes()) for row, each in enumerate(vectors)])
    made = plan(server, accept_recall_loss=True)
    found = recall(MigrationExecutor().apply(made, server=server, backup_dir=tmp_path))
    assert found.data["recall@10"] < 0.95
    assert found.data["predicted"] == pytest.approx(found.data["recall@10"], abs=0.03)


def test_below_the_limit_the_run_fails_and_says_how_to_go_back(server: Server, tmp_path: Path) -> None:
    create(server)
    before = database_digest(server), index_state(server)
    made = plan(server)
    with_limit = tuple(
        evolve(step, params={**step.params, "limit": 1.0}) if step.kind == RECALL else step for step in made.steps
    )
    said = r"recall:vec: recall@10 is 0\.9\d\d on 100(.|\n)*fieldfare rollback"
    with pytest.raises(ValidationFailed, match=said) as caught:
        MigrationExecutor().apply(evolve(made, steps=with_limit), server=server, backup_dir=tmp_path)
    assert caught.value.report is not None
    assert recall(caught.value.report).fatal
    report = MigrationExecutor().rollback(backup_dir=tmp_path, server=server)
    assert not [each for each in report.validation.findings if each.name.startswith("recall:")]
    assert (database_digest(server), index_state(server)) == before


def test_what_hides_others_before_as_well_is_named_and_not_held_against_the_target(
    server: Server, tmp_path: Path
) -> None:
    """Redis makes NaN of a vector of zeros under cosine: indexed first, it hides nearly all others."""
    if server.capabilities.search_version >= (8, 0, 0):
        pytest.skip("what newer servers make of such vectors is not known")
    create(server)
    _, keys = server.command("SCAN", 0, "MATCH", "word:*", "COUNT", 10)
    server.command("HSET", keys[0], "vec", bytes(4 * DIMS))
    server.command("FT.DROPINDEX", "words")
    field = ("vec", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE")
    server.command("FT.CREATE", "words", "PREFIX", 1, "word:", "SCHEMA", *field)
    wait_until_indexed(server, "words")
    made = plan(server, "float16")
    with pytest.raises(ValidationFailed, match="knn_self_query") as caught:
        MigrationExecutor().apply(made, server=server, backup_dir=tmp_path)
    assert caught.value.report is not None
    found = recall(caught.value.report)
    assert found.data["recall@10"] < 0.5
    assert found.data["recall@10 before"] < 0.5
    assert found.passed
    assert found.detail.endswith("can hide others from every query: 1 documents have one")


def test_an_accepted_loss_is_a_warning(server: Server, tmp_path: Path) -> None:
    create(server)
    made = plan(server, min_recall=1.0, accept_recall_loss=True)
    report = MigrationExecutor().apply(made, server=server, backup_dir=tmp_path)
    found = recall(report)
    assert (found.passed, found.severity) == (False, Severity.WARNING)
    assert "at least 1 wanted, less accepted" in found.detail
    assert report.validation.passed


def test_duplicates_are_no_loss(server: Server, tmp_path: Path) -> None:
    """Each vector is there 60 times: more often than neighbours are remembered."""
    create(server, np.repeat(VECTORS[:5], 60, axis=0))
    found = recall(MigrationExecutor().apply(plan(server), server=server, backup_dir=tmp_path))
    assert (found.data["recall@10"], found.data["recall@10 before"]) == (1.0, 1.0)


def test_json_documents_are_asked_about_too(server: Server, tmp_path: Path) -> None:
    create(server, json_=True)
    made = plan(server)
    assert [step.kind for step in made.steps] == ["index.drop", "index.create", RECALL]
    found = recall(MigrationExecutor().apply(made, server=server, backup_dir=tmp_path))
    assert 0.95 < found.data["recall@10"] < 1.0
    assert found.data["recall@10"] == pytest.approx(found.data["predicted"], abs=0.02)


def test_duplicates_among_json_documents_are_no_loss(server: Server, tmp_path: Path) -> None:
    create(server, np.repeat(VECTORS[:5], 60, axis=0), json_=True)
    changes = {
        "rename_fields": [{"old_name": "vec", "new_name": "embedding"}],
        "index": {"prefix": "gloss:"},
    }
    found = recall(
        MigrationExecutor().apply(plan(server, changes=changes), server=server, backup_dir=tmp_path), "embedding"
    )
    assert (found.data["recall@10"], found.data["recall@10 before"]) == (1.0, 1.0)


@pytest.mark.parametrize("json_", [False, True])
@pytest.mark.parametrize("workers", [1, 4])
def test_new_names_are_followed(*, json_: bool, workers: int, server: Server, tmp_path: Path) -> None:
    create(server, json_=json_)
    changes = {
        "rename_fields": [{"old_name": "vec", "new_name": "embedding"}],
        "index": {"name": "glosses", "prefix": "gloss:"},
    }
    made = plan(server, changes=changes)
    report = MigrationExecutor().apply(made, server=server, backup_dir=tmp_path, batch_size=50, num_workers=workers)
    assert 0.95 < recall(report, "embedding").data["recall@10"] < 1.0


def test_documents_that_vanish_or_come_in_meanwhile_do_not_count(server: Server, tmp_path: Path) -> None:
    create(server)
    made = plan(server)
    executor = MigrationExecutor()

    def meddle(activity: str, _: object) -> None:
        if activity == "drop":
            server.bulk([("DEL", f"word:{row}") for row in range(0, 600, 3)])
            server.bulk([("HSET", f"word:twin{row}", "vec", _bfloat16(VECTORS[row])) for row in range(100)])

    found = recall(executor.apply(made, server=server, backup_dir=tmp_path, progress_callback=meddle))
    assert found.passed
    assert 0.95 < found.data["recall@10"] < 1.0


def _bfloat16(vector: np.ndarray[Any, Any]) -> bytes:
    return (vector.view("<u4") >> 16).astype("<u2").tobytes()


def test_nothing_is_measured_where_nothing_can_be_lost(server: Server) -> None:
    create(server)
    assert RECALL not in [step.kind for step in plan(server, "float64").steps]


def test_too_few_documents_are_not_asked_about(server: Server) -> None:
    create(server, VECTORS[:11])
    assert RECALL not in [step.kind for step in plan(server, "float16").steps]


def test_two_machines_plan_the_same_measurement(server: Server) -> None:
    create(server)
    one, other = plan(server), plan(server)
    assert one.steps == other.steps


PATCH = """\
version: 1
changes:
  update_fields: [{name: vec, attrs: {datatype: bfloat16}}]
  rename_fields: [{old_name: vec, new_name: embedding}]
  index: {name: glosses, prefix: "gloss:"}
"""
APPLY = ("apply", "--plan", "migration_plan.yaml", "--backup-dir", "backup", "--batch-size", "200", "--json")
MOMENTS = [
    "dump:started:2",
    "dump:progress:5",
    "dump:finished:1",
    "rewrite:progress:2",
    "create:finished:1",
    "quantize.recall:started:1",
    "quantize.recall:finished:1",
    "validate:started:1",
]


@pytest.mark.parametrize(("moment", "workers"), [*((each, "1") for each in MOMENTS), ("dump:finished:1", "2")])
def test_killed_run(moment: str, workers: str, server: Server, redis_url: str, tmp_path: Path) -> None:
    create(server)
    (tmp_path / "patch.yaml").write_text(PATCH)
    fieldfare = CommandLine(redis_url, tmp_path)
    assert fieldfare("plan", "--index", "words", "--schema-patch", "patch.yaml").code == 0
    before = database_digest(server), index_state(server)
    assert fieldfare(*APPLY, "--workers", workers, crash_at=moment).code == -9, "this moment never came"
    resumed = fieldfare(*APPLY)
    assert resumed.code == 0, resumed.stderr
    (found,) = [each for each in json.loads(resumed.stdout)["validation"]["findings"] if "recall" in each["name"]]
    assert found["name"] == "recall:embedding"
    assert 0.95 < found["data"]["recall@10"] < 1.0
    assert fieldfare("rollback", "--backup-dir", "backup").code == 0
    assert (database_digest(server), index_state(server)) == before
