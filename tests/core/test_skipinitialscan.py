"""An index with SKIPINITIALSCAN lacks documents that its successor will hold: a plan says so, only where it is so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result
from fieldfare.server import Server, connect
from fieldfare.server.inspect import read_stats
from fieldfare.testing.digest import database_digest
from fieldfare.testing.fixtures import PrivateServer
from fieldfare.testing.indexing import wait_until_indexed

SORTABLE = {"update_fields": [{"name": "n", "attrs": {"sortable": True}}]}
RENAMED = {"rename_fields": [{"old_name": "n", "new_name": "number"}]}
WARNING = "with the prefixes of this index are not in it"


def plan_of(server: Server, changes: dict[str, Any]) -> MigrationPlan:
    return MigrationPlanner().create_plan_from_patch(
        "idx", schema_patch={"version": 1, "changes": changes}, server=server
    )


def fill(server: Server, *options: str, storage: str = "HASH") -> None:
    """Write 20 documents, create the index, and write 2 more."""
    field = ("$.n", "AS", "n") if storage == "JSON" else ("n",)

    def write(row: int) -> tuple[str | int, ...]:
        return (
            ("JSON.SET", f"d:{row}", "$", json.dumps({"n": row}))
            if storage == "JSON"
            else ("HSET", f"d:{row}", "n", row)
        )

    server.bulk([write(row) for row in range(20)])
    server.command("FT.CREATE", "idx", "ON", storage, "PREFIX", 1, "d:", *options, "SCHEMA", *field, "NUMERIC")
    server.bulk([write(row) for row in (20, 21)])
    wait_until_indexed(server, "idx")


def warnings(server: Server, changes: dict[str, Any] = SORTABLE) -> list[str]:
    return [line for line in plan_of(server, changes).warnings if WARNING in line]


@pytest.mark.parametrize("storage", ["HASH", "JSON"])
def test_documents_outside_are_counted_when_it_is_planned(server: Server, storage: str) -> None:
    if storage == "JSON" and not server.capabilities.json:
        pytest.skip("this server has no JSON module")
    fill(server, "SKIPINITIALSCAN", storage=storage)
    assert read_stats(server, "idx").num_docs == 2
    [warning] = warnings(server)
    assert warning.startswith("20 documents with")
    assert "SKIPINITIALSCAN" in warning
    assert "converted" not in warning
    assert "converted" in warnings(server, RENAMED)[0]


def test_nothing_is_said_where_nothing_is_outside(server: Server) -> None:
    fill(server)
    server.command("SET", "d:string", "no document")
    assert warnings(server) == []


def test_documents_that_failed_to_be_indexed_are_another_matter(server: Server) -> None:
    fill(server)
    server.command("HSET", "d:bad", "n", "none")
    wait_until_indexed(server, "idx")
    assert warnings(server) == []


@pytest.mark.parametrize("kind", ["GEOSHAPE", "NUMERIC"])
def test_documents_outside_may_fail_as_those_inside_did(kind: str, server: Server, tmp_path: Path) -> None:
    server.command("HSET", "d:0", "n", "neither a shape nor a number", "t", "word")
    server.command("FT.CREATE", "idx", "PREFIX", 1, "d:", "SKIPINITIALSCAN", "SCHEMA", "n", kind, "t", "TEXT")
    server.command("HSET", "d:1", "n", "neither a shape nor a number", "t", "word")
    wait_until_indexed(server, "idx")
    plan = plan_of(server, {"update_fields": [{"name": "t", "attrs": {"sortable": True}}]})
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    [failures] = [finding for finding in report.validation.findings if finding.name == "indexing_failures"]
    assert (failures.detail, failures.passed) == ("2 now, 1 before", True)


def test_the_new_index_and_the_restored_one_hold_them_all(server: Server, tmp_path: Path) -> None:
    fill(server, "SKIPINITIALSCAN")
    before = database_digest(server)
    report = MigrationExecutor().apply(plan_of(server, RENAMED), server=server, backup_dir=tmp_path)
    assert report.result is Result.SUCCEEDED
    [count] = [finding for finding in report.validation.findings if finding.name == "document_count"]
    assert count.detail.endswith("22 documents, 20 more than before; they were there before, but not in the index")
    assert server.bulk([("HGET", f"d:{row}", "number") for row in range(22)]) == [b"%d" % row for row in range(22)]
    assert MigrationExecutor().rollback(server=server, backup_dir=tmp_path).validation.passed
    assert database_digest(server) == before
    assert read_stats(server, "idx").num_docs == 22


@pytest.mark.parametrize("options", [(), ("FILTER", 'startswith(@__key, "d:")')], ids=["all", "filter"])
@pytest.mark.parametrize("changes", [{"index": {"name": "new"}}, RENAMED], ids=["index only", "rewrite"])
def test_documents_outside_may_fail_to_be_indexed(
    server: Server, tmp_path: Path, changes: dict[str, Any], options: tuple[str, ...]
) -> None:
    """The old index never tried them; to stop for them would leave no way out, for a restored index tries them, too."""
    server.bulk([("HSET", f"d:bad{row}", "n", "none") for row in range(3)])
    fill(server, *options, "SKIPINITIALSCAN")
    before = database_digest(server)
    report = MigrationExecutor().apply(plan_of(server, changes), server=server, backup_dir=tmp_path)
    assert report.result is Result.SUCCEEDED
    assert MigrationExecutor().rollback(server=server, backup_dir=tmp_path).validation.passed
    assert database_digest(server) == before


def test_vectors_outside_are_converted_as_well(server: Server, tmp_path: Path) -> None:
    server.bulk([("HSET", f"d:{row}", "v", b"\0\0\x80\x3f\0\0\0" + bytes([row])) for row in range(20)])
    server.command(
        *("FT.CREATE", "idx", "PREFIX", 1, "d:", "SKIPINITIALSCAN", "SCHEMA", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "COSINE"),
    )
    before = database_digest(server)
    plan = plan_of(server, {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]})
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert report.result is Result.SUCCEEDED
    assert read_stats(server, "idx").num_docs == 20
    assert MigrationExecutor().rollback(server=server, backup_dir=tmp_path).validation.passed
    assert database_digest(server) == before


def test_the_server_does_not_keep_it_over_a_restart(private_server: PrivateServer) -> None:
    """Why it is not carried over: it says how an index is built once, and the next start builds it in full."""
    embedded = private_server()
    with connect(embedded.url) as server:
        fill(server, "SKIPINITIALSCAN")
        server.command("SAVE")
    embedded.restart()
    with connect(embedded.url) as server:
        wait_until_indexed(server, "idx")
        assert read_stats(server, "idx").num_docs == 22
