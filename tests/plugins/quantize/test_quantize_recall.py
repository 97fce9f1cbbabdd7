"""Measured recall: true neighbours before, the results of the live index after."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from attrs import evolve

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.errors import TargetRejected, ValidationFailed
from fieldfare.plan import MigrationPlan, Receipt
from fieldfare.report import Finding, MigrationReport, Severity
from fieldfare.server import Server
from fieldfare.server.index_names import real_name
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare_quantize import plugin
from fieldfare_quantize.plugin import RECALL
from fieldfare_vectors.ground_truth import GroundTruth
from fieldfare_vectors.recall_comparison import compare_recall, recall_figures

VECTORS = np.load(Path(__file__).parents[3] / "examples" / "wordnet" / "vectors.npy")[:600] + np.float32(0.15)
"""Moved so far from the origin that bfloat16 loses about one neighbour in a hundred."""

DIMS = VECTORS.shape[1]

MIN_RECALL = 0.96
"""Too near to what bfloat16 keeps for a few queries to be enough."""


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
    server: Server,
    datatype: str = "bfloat16",
    changes: dict[str, Any] | None = None,
    mode: str = "drop_recreate",
    **options: Any,
) -> MigrationPlan:
    update = {"update_fields": [{"name": "vec", "attrs": {"datatype": datatype}}]}
    patch = {"version": 1, "changes": update | (changes or {})}
    options = {"min_recall": MIN_RECALL, **options}
    return MigrationPlanner(**options).create_plan_from_patch("words", schema_patch=patch, server=server, mode=mode)


def recall(report: MigrationReport, field: str = "vec") -> Finding:
    """Return the finding; fails if there is none, or more than one."""
    (found,) = [each for each in report.validation.findings if each.name == f"recall:{field}"]
    return found


@pytest.mark.parametrize(
    ("algorithm", "min_recall", "queries"), [("FLAT", 0.9, 25), ("FLAT", 0.99, 100), ("HNSW", 0.9, 100)]
)
def test_an_index_without_a_graph_is_queried_less_where_the_result_is_clear(
    algorithm: str, min_recall: float, queries: int, server: Server, tmp_path: Path
) -> None:
    create(server, algorithm=algorithm)
    made = plan(server, datatype="float16", min_recall=min_recall)
    assert recall(MigrationExecutor().apply(made, server=server, backup_dir=tmp_path)).data["queries"] == queries


@pytest.mark.parametrize("algorithm", ["FLAT", "HNSW"])
def test_the_report_tells_what_the_live_index_finds(algorithm: str, server: Server, tmp_path: Path) -> None:
    create(server, algorithm=algorithm)
    made = plan(server)
    found = recall(MigrationExecutor().apply(made, server=server, backup_dir=tmp_path))
    assert found.passed
    assert found.data["queries"] == 100
    assert found.data["algorithm"] == algorithm
    assert found.data["source_recall@10"] == pytest.approx(1.0, abs=0.002)
    assert 0.95 < found.data["recall@10"] < 1.0, "bfloat16 loses a few"
    assert found.data["recall@10"] == pytest.approx(found.data["predicted_recall"], abs=0.02)
    if algorithm == "HNSW":
        assert "with the index's default EF_RUNTIME" in found.detail


def test_the_measured_recall_is_that_of_an_exhaustive_search(server: Server, tmp_path: Path) -> None:
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


def test_the_prediction_samples_documents_that_were_written_last(server: Server, tmp_path: Path) -> None:
    """The first 5,000 documents would say that bfloat16 loses nearly nothing."""
    vectors = np.random.default_rng(4).standard_normal((10_000, 16)).astype("<f4")
    vectors[5000:] = vectors[5000:] * np.float32(0.03) + 1
    field = ("vec", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 16, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "words", "PREFIX", 1, "word:", "SCHEMA", *field)
    server.bulk([("HSET", f"word:{row}", "vec", each.tobytes()) for row, each in enumerate(vectors)])
    made = plan(server, accept_recall_loss=True)
    found = recall(MigrationExecutor().apply(made, server=server, backup_dir=tmp_path))
    assert found.data["recall@10"] < 0.95
    assert found.data["predicted_recall"] == pytest.approx(found.data["recall@10"], abs=0.03)


def test_below_the_limit_the_run_fails_and_names_the_command_to_roll_back(server: Server, tmp_path: Path) -> None:
    create(server)
    before = database_digest(server), index_state(server)
    made = plan(server)
    with_limit = tuple(
        evolve(step, params={**step.params, "min_recall": 1.0}) if step.kind == RECALL else step for step in made.steps
    )
    said = r"recall:vec: recall@10 is 0\.9\d\d on 100(.|\n)*fieldfare rollback"
    with pytest.raises(ValidationFailed, match=said) as caught:
        MigrationExecutor().apply(evolve(made, steps=with_limit), server=server, backup_dir=tmp_path)
    assert caught.value.report is not None
    assert recall(caught.value.report).fatal
    report = MigrationExecutor().rollback(backup_dir=tmp_path, server=server)
    assert not [each for each in report.validation.findings if each.name.startswith("recall:")]
    assert (database_digest(server), index_state(server)) == before


def test_below_the_limit_no_name_moves_in_shadow_mode(server: Server, tmp_path: Path) -> None:
    create(server)
    before = database_digest(server), index_state(server)
    made = plan(server, mode="shadow")
    with_limit = tuple(
        evolve(step, params={**step.params, "min_recall": 1.0}) if step.kind == RECALL else step for step in made.steps
    )
    with pytest.raises(TargetRejected, match=r"recall:vec: recall@10 is 0\.9\d\d on 100") as caught:
        MigrationExecutor().apply(evolve(made, steps=with_limit), server=server, backup_dir=tmp_path)
    assert caught.value.exit_code == 4
    assert real_name(server, "words") == "words"
    MigrationExecutor().rollback(backup_dir=tmp_path, server=server)
    assert (database_digest(server), index_state(server)) == before


@pytest.mark.parametrize("zeros", [1, 20])
@pytest.mark.parametrize("algorithm", ["FLAT", "HNSW"])
def test_vectors_that_hide_others_in_the_source_too_are_counted_and_are_no_loss(
    algorithm: str, zeros: int, server: Server, tmp_path: Path
) -> None:
    """Redis makes NaN of a vector of zeros under cosine: indexed first, it is among the results of every query."""
    if server.capabilities.search_version >= (8, 0, 0):
        pytest.skip("what newer servers make of such vectors is not known")
    create(server, algorithm=algorithm)
    _, keys = server.command("SCAN", 0, "MATCH", "word:*", "COUNT", 60)
    server.bulk([("HSET", key, "vec", bytes(4 * DIMS)) for key in keys[:zeros]])
    server.command("FT.DROPINDEX", "words")
    field = ("vec", "VECTOR", algorithm, 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE")
    server.command("FT.CREATE", "words", "PREFIX", 1, "word:", "SCHEMA", *field)
    wait_until_indexed(server, "words")
    made = plan(server, "float16")
    report = MigrationExecutor().apply(made, server=server, backup_dir=tmp_path)
    found = recall(report)
    assert not found.fatal
    if algorithm == "FLAT":
        assert found.passed
        assert found.data["recall@10"] < 0.5
        assert found.data["source_recall@10"] < 0.5
        assert found.detail.endswith(f"can hide others from every query: {zeros:,} documents have one")


@pytest.mark.parametrize(
    ("source", "lost", "undefined", "severity"),
    [
        (0.9, 0.0, 50, None),
        (0.9, 0.02, 50, None),
        (0.9, 0.2, 50, Severity.WARNING),
        (0.9, 0.5, 50, Severity.ERROR),
        (0.9, 0.5, 60, None),
        (0.2, 0.19, 50, None),
    ],
)
def test_beside_vectors_without_a_distance_a_loss_must_be_beyond_chance(
    source: float, lost: float, undefined: int, severity: Severity | None, server: Server
) -> None:
    create(server)
    made = plan(server)
    noise = np.random.default_rng(2).choice([-0.1, 0.1], 100 - undefined)
    truths = [GroundTruth({}, source, source)] * (100 - undefined) + [
        GroundTruth({}, 0.2, 0.2, source_has_undefined=True)
    ] * undefined
    values = [*(source * 0.95 - lost + noise).tolist(), *[0.0] * undefined]
    facts = {"field": "vec", "queries": 100, "algorithm": "FLAT"}
    figures = recall_figures(truths, values, values) | compare_recall(truths, values, values, 0.95)
    run: Any = SimpleNamespace(
        has_backup=True, notes=(), receipt=lambda step: Receipt(step.id, details=facts | figures)
    )
    found, _ = plugin.fieldfare_validate(made, run)
    assert found.data["undefined_queries"] == undefined
    assert (None if found.passed else found.severity) is severity


def test_an_accepted_loss_is_a_warning(server: Server, tmp_path: Path) -> None:
    create(server)
    made = plan(server, min_recall=1.0, accept_recall_loss=True)
    report = MigrationExecutor().apply(made, server=server, backup_dir=tmp_path)
    found = recall(report)
    assert (found.passed, found.severity) == (False, Severity.WARNING)
    assert "at least 1 required, less accepted" in found.detail
    assert report.validation.passed


def test_duplicates_are_no_loss(server: Server, tmp_path: Path) -> None:
    """Each vector is there 60 times: more often than neighbours are stored."""
    create(server, np.repeat(VECTORS[:5], 60, axis=0))
    found = recall(MigrationExecutor().apply(plan(server), server=server, backup_dir=tmp_path))
    assert (found.data["recall@10"], found.data["source_recall@10"]) == (1.0, 1.0)


def test_recall_of_json_documents_is_measured_too(server: Server, tmp_path: Path) -> None:
    create(server, json_=True)
    made = plan(server)
    assert [step.kind for step in made.steps] == ["index.drop", "index.create", RECALL]
    found = recall(MigrationExecutor().apply(made, server=server, backup_dir=tmp_path))
    assert 0.95 < found.data["recall@10"] < 1.0
    assert found.data["recall@10"] == pytest.approx(found.data["predicted_recall"], abs=0.02)


def test_duplicates_among_json_documents_are_no_loss(server: Server, tmp_path: Path) -> None:
    create(server, np.repeat(VECTORS[:5], 60, axis=0), json_=True)
    changes = {
        "rename_fields": [{"old_name": "vec", "new_name": "embedding"}],
        "index": {"prefix": "gloss:"},
    }
    found = recall(
        MigrationExecutor().apply(plan(server, changes=changes), server=server, backup_dir=tmp_path), "embedding"
    )
    assert (found.data["recall@10"], found.data["source_recall@10"]) == (1.0, 1.0)


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


def test_documents_that_are_deleted_or_added_during_the_run_do_not_count(server: Server, tmp_path: Path) -> None:
    create(server)
    made = plan(server)
    executor = MigrationExecutor()

    def write_concurrently(activity: str, _: object) -> None:
        if activity == "drop":
            server.bulk([("DEL", f"word:{row}") for row in range(0, 600, 3)])
            server.bulk([("HSET", f"word:twin{row}", "vec", _bfloat16(VECTORS[row])) for row in range(100)])

    found = recall(executor.apply(made, server=server, backup_dir=tmp_path, progress_callback=write_concurrently))
    assert found.passed
    assert 0.95 < found.data["recall@10"] < 1.0


def _bfloat16(vector: np.ndarray[Any, Any]) -> bytes:
    return (vector.view("<u4") >> 16).astype("<u2").tobytes()


def test_nothing_is_measured_where_nothing_can_be_lost(server: Server) -> None:
    create(server)
    assert RECALL not in [step.kind for step in plan(server, "float64").steps]


def test_with_too_few_documents_nothing_is_measured(server: Server) -> None:
    create(server, VECTORS[:11])
    assert RECALL not in [step.kind for step in plan(server, "float16").steps]


def test_two_machines_plan_the_same_measurement(server: Server) -> None:
    create(server)
    one, other = plan(server), plan(server)
    assert one.steps == other.steps


def test_a_plan_with_the_parameter_names_of_version_0_1_still_runs(server: Server, tmp_path: Path) -> None:
    create(server)
    made = plan(server)
    old = {"field": "vec", "predicted": 0.98, "limit": 1.0, "accepted": True, "questions": 50, "seed": 7}
    steps = tuple(evolve(step, params=old) if step.kind == RECALL else step for step in made.steps)
    found = recall(MigrationExecutor().apply(evolve(made, steps=steps), server=server, backup_dir=tmp_path))
    assert (found.passed, found.severity) == (False, Severity.WARNING)
    assert found.detail.endswith("on 50 queries (at least 1 required, less accepted, 0.980 predicted)")


def test_a_receipt_of_version_0_1_is_still_read(server: Server) -> None:
    create(server)
    made = plan(server)
    old = {
        "field": "vec",
        "questions": 100,
        "predicted": 0.99,
        "limit": 0.95,
        "algorithm": "HNSW",
        "ef_runtime": 500,
        "recall@10": 0.96,
        "recall@10 before": 0.98,
        "as asked": 0.91,
        "as asked before": 0.92,
    }
    run: Any = SimpleNamespace(has_backup=True, notes=(), receipt=lambda step: Receipt(step.id, details=old))
    found, _ = plugin.fieldfare_validate(made, run)
    assert found.passed
    assert found.detail.endswith("with the index's default EF_RUNTIME: 0.910, 0.920 before")
    assert found.data["source_recall@10_default_ef"] == 0.92
    assert not found.data.keys() & {"questions", "predicted", "limit", "as asked", "as asked before"}


PATCH = """\
version: 1
changes:
  update_fields: [{name: vec, attrs: {datatype: bfloat16}}]
  rename_fields: [{old_name: vec, new_name: embedding}]
  index: {name: glosses, prefix: "gloss:"}
"""
APPLY = ("apply", "--plan", "migration_plan.yaml", "--backup-dir", "backup", "--batch-size", "70", "--json")
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
    create(server, VECTORS[:200])
    (tmp_path / "patch.yaml").write_text(PATCH)
    fieldfare = CommandLine(redis_url, tmp_path)
    assert (
        fieldfare("plan", "--index", "words", "--schema-patch", "patch.yaml", "--min-recall", str(MIN_RECALL)).code == 0
    )
    before = database_digest(server), index_state(server)
    assert fieldfare(*APPLY, "--workers", workers, crash_at=moment).code == -9, "this moment never came"
    resumed = fieldfare(*APPLY)
    assert resumed.code == 0, resumed.stderr
    (found,) = [each for each in json.loads(resumed.stdout)["validation"]["findings"] if "recall" in each["name"]]
    assert found["name"] == "recall:embedding"
    assert 0.95 < found["data"]["recall@10"] < 1.0
    assert fieldfare("rollback", "--backup-dir", "backup").code == 0
    assert (database_digest(server), index_state(server)) == before
