"""Settings of the search module that change what queries answer."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.report import Result
from fieldfare.server import Server, connect
from fieldfare.server.knn import nearest
from fieldfare.server.search import count_results, find_indexed, search_keys
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.fixtures import PrivateServer
from fieldfare.testing.indexing import wait_until_indexed

COUNT = 60
FLOAT16 = {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}
HNSW = {"update_fields": [{"name": "v", "attrs": {"algorithm": "hnsw"}}]}
SETTINGS: list[dict[str, int]] = [
    {"DEFAULT_DIALECT": 4},
    *({"MAXSEARCHRESULTS": most, "MAXAGGREGATERESULTS": most} for most in (50, 10, 1)),
]


@pytest.fixture(params=SETTINGS, ids=str)
def configured(request: pytest.FixtureRequest, private_server: PrivateServer) -> Iterator[Server]:
    """Give a server with one of the settings, and an index."""
    with connect(private_server().url) as server:
        for name, value in request.param.items():
            server.command("FT.CONFIG", "SET", name, value)
        server.bulk(
            [
                ("HSET", f"d:{row:02}", "t", f"text {row}", "v", struct.pack("<4f", row % 7 + 1, row % 11, row, 1))
                for row in range(COUNT)
            ]
        )
        vector = ("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "L2")
        server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "t", "TEXT", *vector)
        wait_until_indexed(server, "i")
        yield server


@pytest.mark.parametrize("changes", [FLOAT16, HNSW], ids=["float16", "hnsw"])
def test_a_migration_succeeds_and_is_rolled_back(changes: dict[str, Any], configured: Server, tmp_path: Path) -> None:
    before = database_digest(configured), index_state(configured)
    plan = MigrationPlanner().create_plan_from_patch(
        "i", schema_patch={"version": 1, "changes": changes}, server=configured
    )
    report = MigrationExecutor().apply(plan, server=configured, backup_dir=tmp_path, verify="full")
    assert report.result is Result.SUCCEEDED
    failed = [finding for finding in report.validation.findings if not finding.passed]
    assert failed == []
    rolled_back = MigrationExecutor().rollback(server=configured, backup_dir=tmp_path)
    assert rolled_back.validation.passed
    assert (database_digest(configured), index_state(configured)) == before


def test_queries_answer_in_full(configured: Server) -> None:
    keys = [b"d:%02d" % row for row in range(COUNT)]
    assert count_results(configured, "i", "*") == COUNT
    assert find_indexed(configured, "i", [*keys, b"d:none"]) == set(keys)
    assert set(search_keys(configured, "i", 5)) <= set(keys)
    found = nearest(configured, "i", "v", struct.pack("<4f", 1, 0, 0, 1), 20)
    assert len(found) == 20
    assert next(iter(found)) == b"d:00"
    assert list(found.values()) == sorted(found.values())
