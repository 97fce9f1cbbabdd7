"""How long a migration will take, as the plan says."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from attrs import evolve

from fieldfare.api import MigrationExecutor, MigrationPlanner, load_migration_plan
from fieldfare.definition import Field, FieldType
from fieldfare.definition.reply import mapping
from fieldfare.errors import FileError
from fieldfare.plan import MigrationPlan
from fieldfare.plan.file import fingerprint
from fieldfare.planning.forecast import _index_seconds  # the arithmetic
from fieldfare.server import Server
from fieldfare.server.inspect import read_snapshot
from fieldfare.testing.indexing import wait_until_indexed

COUNT = 300


@pytest.fixture
def articles(server: Server) -> Server:
    """An index of documents with short vectors."""
    server.bulk(
        [("HSET", f"d:{row}", "t", "word " * 20, "v", struct.pack("<4f", row, 1, 2, 3)) for row in range(COUNT)]
    )
    vector = ("v", "VECTOR", "HNSW", 6, "TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT", *vector)
    wait_until_indexed(server, "i")
    return server


def plan(server: Server, *, mode: str = "drop_recreate", **attrs: object) -> MigrationPlan:
    changes = {"update_fields": [{"name": "v" if attrs else "t", "attrs": attrs or {"sortable": True}}]}
    return MigrationPlanner().create_plan_from_patch(
        "i", schema_patch={"version": 1, "changes": changes}, server=server, mode=mode
    )


def test_the_times_come_from_this_server(articles: Server) -> None:
    info = mapping(articles.command("FT.INFO", "i"))
    per_document = float(info["total_indexing_time"]) / 1000 / int(info["max_doc_id"])
    forecast = plan(articles).forecast
    assert forecast is not None
    assert forecast.index_seconds == pytest.approx(COUNT * per_document, abs=0.001)
    assert forecast.downtime_seconds == pytest.approx(forecast.index_seconds + 0.05, abs=0.001)
    assert forecast.rewrite_seconds == 0, "no document is rewritten"
    assert "this server took" in forecast.basis[0]
    assert forecast.memory_bytes > 0


def test_a_rewrite_and_its_disk_are_in_it(articles: Server) -> None:
    forecast = plan(articles, datatype="float16").forecast
    assert forecast is not None
    assert 0 < forecast.rewrite_seconds < forecast.downtime_seconds
    assert forecast.disk_bytes == COUNT * 16
    assert forecast.memory_delta_bytes == -COUNT * 8
    assert "usual rates" in forecast.basis[1]


def test_without_an_outage_there_is_no_downtime(articles: Server) -> None:
    made = plan(articles, mode="shadow", datatype="float16")
    assert made.forecast is not None
    assert made.forecast.downtime_seconds == 0
    assert made.forecast.index_seconds > 0
    assert "Downtime:  none: the index answers all the time" in str(made)


def test_the_file_keeps_it_and_the_fingerprint_leaves_it_out(articles: Server, tmp_path: Path) -> None:
    made = plan(articles)
    path = tmp_path / "plan.yaml"
    MigrationPlanner().write_plan(made, path)
    loaded = load_migration_plan(path)
    assert loaded.forecast == made.forecast
    assert fingerprint(evolve(made, forecast=None)) == fingerprint(made)

    content = path.read_text()
    path.write_text(content.replace("index_seconds", "index_second"))
    with pytest.raises(FileError, match="index_second"):
        load_migration_plan(path)
    path.write_text(content.partition("forecast:")[0])
    assert load_migration_plan(path).forecast is None
    MigrationExecutor().apply(load_migration_plan(path), server=articles, backup_dir=tmp_path / "backup")


def test_an_empty_index_has_a_forecast(server: Server) -> None:
    server.command("FT.CREATE", "i", "PREFIX", 1, "none:", "SCHEMA", "t", "TEXT")
    forecast = plan(server).forecast
    assert forecast is not None
    assert forecast.index_seconds < 0.01
    assert "is usual" in forecast.basis[0]


def test_another_graph_takes_another_time(articles: Server) -> None:
    before = read_snapshot(articles, "i")
    graph = before.definition.find("v")
    assert graph is not None
    flat = evolve(graph, attrs={"algorithm": "FLAT", "datatype": "float32", "dims": 4, "distance_metric": "L2"})
    larger = evolve(graph, attrs={**graph.attrs, "ef_construction": 400})
    measured = evolve(before, stats=evolve(before.stats, indexing_seconds=1e-3))

    def seconds(field: Field) -> float:
        return _index_seconds(measured, before.definition.with_field("v", field))[0]

    assert seconds(graph) == 1e-3
    assert seconds(flat) < 0.5e-3
    assert 1e-3 < seconds(larger) < 2e-3
    only_text = evolve(measured, definition=before.definition.with_field("v", None))
    assert _index_seconds(only_text, before.definition)[0] > 1e-3
    assert _index_seconds(only_text, only_text.definition.with_field("t", Field("t", FieldType.TAG, "t")))[0] == 1e-3
    uncounted = evolve(before, stats=evolve(before.stats, indexing_seconds=1e-9))
    assert "does not report" in _index_seconds(uncounted, before.definition)[1][0]
