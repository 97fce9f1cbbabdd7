"""The calibration in Redis: published, restored, and read by applications."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve

import fieldfare
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.backup import BackupStore
from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import Progress, RunPhase
from fieldfare.changes import Change, RenameField, RenameIndex, UpdateField, apply_changes
from fieldfare.cli.app import run as fieldfare_command
from fieldfare.definition import Field, IndexStats
from fieldfare.documents import Batch, Column
from fieldfare.engine.run import ActiveRun
from fieldfare.errors import FileError, IndexNotFound, UsageError
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import ClaimedChange, MigrationPlan, Step
from fieldfare.report import MigrationReport, Result
from fieldfare.report.file import write_report
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition
from fieldfare_quantize import plugin
from fieldfare_quantize.published_calibration import PUBLISH, PublishedCalibration

VECTORS = np.load(Path(__file__).parents[3] / "examples" / "wordnet" / "vectors.npy")[:200]
DIMS = VECTORS.shape[1]
OLD, NEW = b"fieldfare:calibration:products:embedding", b"fieldfare:calibration:goods:vec"

Start = Callable[..., tuple[ActiveRun, Step]]


@pytest.fixture
def start(
    live: Callable[..., LiveIndex], embedding: Callable[..., Field], server: Server, tmp_path: Path
) -> Iterator[Start]:
    """Begins a run that changes the datatype, and more; gives it and its step that publishes."""
    stores: list[BackupStore] = []

    def begin(source: str, target: str, *more: Change) -> tuple[ActiveRun, Step]:
        values = VECTORS if source == "float32" else np.rint(VECTORS * 500).astype(source)
        keys = tuple(b"product:%d" % row for row in range(len(VECTORS)))
        batch = Batch(keys, {"embedding": Column.of(value.tobytes() for value in values)})
        field = embedding(dims=DIMS, distance_metric="l2", datatype=source)
        index = evolve(live(field, documents=[batch]), options={"min_recall": 0.5})
        change = UpdateField("embedding", "datatype", source, target)
        claim = plugin.fieldfare_classify(change, index)
        assert claim is not None
        claims = (ClaimedChange(change, "quantize", claim), *(ClaimedChange(each, "fields", claim) for each in more))
        steps = tuple(each.owned_by("quantize") for each in plugin.fieldfare_plan_steps(change, claim, index))
        wanted = apply_changes(index.definition, (change, *more))
        plan = MigrationPlan(1, "drop_recreate", index.snapshot, wanted, {}, claims, steps, {"quantize": "1"})
        stores.append(BackupStore(tmp_path / f"migration_backup_{len(stores)}"))
        progress = Progress(RunPhase.DUMP, 100, "2026-03-20T10:00:00+00:00", IndexStats(num_docs=len(VECTORS)))
        journal = Journal(tmp_path / "journal", plan, progress)
        run = ActiveRun(server, plan, load_plugins(), journal=journal, store=stores[-1])
        (step,) = [each for each in steps if each.kind == PUBLISH]
        plugin.fieldfare_backup(step, run)
        return run, step

    yield begin
    for store in stores:
        store.close()


def test_the_key_says_all_that_encodes_a_query(start: Start, server: Server) -> None:
    run, step = start("float32", "int8")
    receipt = plugin.fieldfare_execute_step(step, run)
    assert plugin.fieldfare_verify_step(step, receipt, run)
    stored = json.loads(server.command("GET", OLD))
    encoding = next(each.params["encoding"] for each in run.plan.steps if "encoding" in each.params)
    assert stored == {
        "version": 1,
        "index": "products",
        "field": "embedding",
        "datatype": "int8",
        "metric": "l2",
        "dims": DIMS,
        **encoding,
        "plan": run.journal.fingerprint,
    }
    assert receipt.details["calibration"] == stored


def test_the_key_has_the_names_after_the_migration_and_is_deleted_by_undo(start: Start, server: Server) -> None:
    run, step = start("float32", "uint8", RenameField("embedding", "vec"), RenameIndex("products", "goods"))
    plugin.fieldfare_execute_step(step, run)
    assert plugin.fieldfare_execute_step(step, run) == plugin.fieldfare_execute_step(step, run)
    assert server.client.keys("*") == [NEW]
    plugin.fieldfare_undo_step(step, run)
    assert server.client.keys("*") == []


def test_an_earlier_calibration_is_restored(start: Start, server: Server) -> None:
    server.command("SET", OLD, "earlier")
    server.command("SET", NEW, "of another index")
    run, step = start("float32", "int8", RenameField("embedding", "vec"), RenameIndex("products", "goods"))
    plugin.fieldfare_execute_step(step, run)
    assert json.loads(server.command("GET", NEW))["field"] == "vec"
    assert server.command("EXISTS", OLD) == 0
    for _ in range(2):
        plugin.fieldfare_undo_step(step, run)
        assert (server.command("GET", OLD), server.command("GET", NEW)) == (b"earlier", b"of another index")


def test_what_integers_stood_for_goes_with_them(start: Start, server: Server) -> None:
    server.command("SET", OLD, "earlier")
    run, step = start("int8", "float32")
    receipt = plugin.fieldfare_execute_step(step, run)
    assert plugin.fieldfare_verify_step(step, receipt, run)
    assert server.command("EXISTS", OLD) == 0
    plugin.fieldfare_undo_step(step, run)
    assert server.command("GET", OLD) == b"earlier"


def test_a_calibration_that_somebody_took_away_is_not_there(start: Start, server: Server) -> None:
    run, step = start("float32", "int8")
    receipt = plugin.fieldfare_execute_step(step, run)
    server.command("DEL", OLD)
    assert not plugin.fieldfare_verify_step(step, receipt, run)


def test_floats_need_none(live: Callable[..., LiveIndex]) -> None:
    change = UpdateField("embedding", "datatype", "float32", "float16")
    claim = plugin.fieldfare_classify(change, live())
    assert claim is not None
    assert PUBLISH not in [each.kind for each in plugin.fieldfare_plan_steps(change, claim, live())]


@pytest.mark.parametrize("text", ['{"version": 2}', "[]", "no JSON", '{"version": 1}', '{"version": 1, "x": 1}'])
def test_what_is_no_calibration_is_refused(text: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        PublishedCalibration.of(json.loads(text))


@pytest.mark.parametrize("target", ["int8", "uint8"])
@pytest.mark.parametrize("key", ["previous_name", "was"], ids=["now", "version 0.1"])
def test_a_report_is_enough_to_encode_queries(start: Start, target: str, key: str, tmp_path: Path) -> None:
    run, step = start("float32", target, RenameField("embedding", "vec"))
    details = plugin.fieldfare_execute_step(step, run).details
    vectors = {"vec": {key: "embedding", "datatype": target, "dims": DIMS, "distance_metric": "l2"}}
    report = MigrationReport(
        *("products", "products", Result.SUCCEEDED, "", "", "", ""),
        vectors=vectors,
        steps={step.id: {"status": "done", "details": dict(details)}},
    )
    write_report(report, tmp_path / "report.yaml")
    expected = fieldfare.encode_query(VECTORS[3], run.plan, "vec")
    assert len(expected) == DIMS
    for name in ("vec", "embedding"):
        assert fieldfare.encode_query(VECTORS[3], tmp_path / "report.yaml", name) == expected
        assert fieldfare.encode_query(VECTORS[3], report, name) == expected


def test_a_report_that_does_not_know_is_refused() -> None:
    vectors = {"vec": {"previous_name": "vec", "datatype": "int8", "dims": DIMS, "distance_metric": "l2"}}
    report = MigrationReport(*("products", "products", Result.SUCCEEDED, "", "", "", ""), vectors=vectors)
    with pytest.raises(UsageError, match="The report does not have the calibration of 'vec'"):
        fieldfare.encode_query(VECTORS[3], report, "vec")
    with pytest.raises(UsageError, match="The report has no vector field 'title'; it has vec"):
        fieldfare.encode_query(VECTORS[3], report, "title")


def test_a_file_that_is_neither_plan_nor_report(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("a: 1\n")
    with pytest.raises(FileError, match="no fingerprint"):
        fieldfare.encode_query([1.0], tmp_path / "other.yaml", "vec")


@pytest.fixture
def halved(server: Server, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """An index that was migrated to float16, and its report; gives the bytes of a document."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIELDFARE_URL", redis_url)
    server.bulk([("HSET", f"word:{row}", "vec", vector.tobytes()) for row, vector in enumerate(VECTORS)])
    fields = ("vec", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE")
    server.command("FT.CREATE", "words", "PREFIX", 1, "word:", "SCHEMA", *fields, "gloss", "TEXT")
    server.command("FT.ALIASADD", "dictionary", "words")
    patch = {"version": 1, "changes": {"update_fields": [{"name": "vec", "attrs": {"datatype": "float16"}}]}}
    plan = MigrationPlanner().create_plan_from_patch("dictionary", schema_patch=patch, server=server)
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path / "backup")
    (finding,) = [each for each in report.validation.findings if each.name == "query_encoding:vec"]
    assert finding.detail.startswith("queries must be encoded as float16 from now on")
    write_report(report, tmp_path / "report.yaml")
    (tmp_path / "vector.json").write_text(json.dumps(VECTORS[5].tolist()))
    stored: bytes = server.command("HGET", "word:5", "vec")
    return stored


def test_queries_for_floats_need_only_the_index(halved: bytes, server: Server, redis_url: str) -> None:
    for source in (server.client, redis_url):
        for index in ("words", "dictionary"):
            assert fieldfare.encode_query(VECTORS[5], source, "vec", index=index) == halved
    with pytest.raises(UsageError, match="which index"):
        fieldfare.encode_query(VECTORS[5], redis_url, "vec")
    with pytest.raises(UsageError, match="Index 'words' has no vector field 'gloss'; it has vec"):
        fieldfare.encode_query(VECTORS[5], redis_url, "gloss", index="words")
    for source in (server.client, redis_url):
        with pytest.raises(IndexNotFound, match=r"named 'nothing'\. Indexes here: words"):
            fieldfare.encode_query(VECTORS[5], source, "vec", index="nothing")


def test_the_command_takes_a_report_or_an_index(halved: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["encode-query", "--field", "vec", "--vector", "vector.json", "--json"]
    for source in (["--report", "report.yaml"], ["--index", "words"]):
        assert fieldfare_command([*common, *source]) == 0
        assert json.loads(capsys.readouterr().out)["hex"] == halved.hex()
    assert fieldfare_command([*common, "--report", "report.yaml", "--index", "words"]) == 2
    assert "Give one of" in capsys.readouterr().out


def test_our_keys_are_no_documents_of_an_index_with_an_empty_prefix(server: Server, tmp_path: Path) -> None:
    for key in (OLD, NEW):
        server.command("SET", key, "{}")
    server.bulk([("HSET", f"{row}", "vec", vector.tobytes()) for row, vector in enumerate(VECTORS)])
    fields = ("vec", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "words", "SCHEMA", *fields)
    changes = {
        "update_fields": [{"name": "vec", "attrs": {"datatype": "float16"}}],
        "rename_fields": [{"old_name": "vec", "new_name": "embedding"}],
    }
    plan = MigrationPlanner().create_plan_from_patch(
        "words", schema_patch={"version": 1, "changes": changes}, server=server
    )
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert report.result is Result.SUCCEEDED
    assert (server.command("GET", OLD), server.command("GET", NEW)) == (b"{}", b"{}")
    assert len(server.client.keys("*")) == len(VECTORS) + 2
    assert not any(note.kind == "wrong type" for note in report.notes)


def test_an_index_of_integers_is_asked_with_what_redis_knows(server: Server, tmp_path: Path) -> None:
    if not server.capabilities.indexes("int8"):
        pytest.skip("this server has no int8 vectors")
    server.bulk([("HSET", f"word:{row}", "vec", vector.tobytes()) for row, vector in enumerate(VECTORS)])
    fields = ("vec", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "words", "PREFIX", 1, "word:", "SCHEMA", *fields)
    changes: dict[str, Any] = {"update_fields": [{"name": "vec", "attrs": {"datatype": "int8"}}]}
    patch = {"version": 1, "changes": changes | {"index": {"name": "words_v2"}}}
    plan = MigrationPlanner().create_plan_from_patch("words", schema_patch=patch, server=server)
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    query = fieldfare.encode_query(VECTORS[5], server.client, "vec", index="words_v2")
    assert query == server.command("HGET", "word:5", "vec") == fieldfare.encode_query(VECTORS[5], report, "vec")
    assert read_definition(server, "words_v2").find("vec") is not None
    MigrationExecutor().rollback(backup_dir=tmp_path, server=server)
    assert server.client.keys("fieldfare:calibration:*") == []
