"""A migration of an index that is still being built: no document is left behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.cli.app import run
from fieldfare.definition.info import Info, parse_info
from fieldfare.definition.reply import mapping
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result
from fieldfare.server import Server, inspect
from fieldfare.server.inspect import read_stats
from fieldfare.testing.digest import database_digest, read_state
from fieldfare.testing.indexing import wait_until_indexed

COUNT, DIMS = 3000, 64
NEEDED = COUNT // 2
PATCH = {
    "version": 1,
    "changes": {"rename_fields": [{"old_name": "n", "new_name": "rank"}], "index": {"filter": f"@rank>={NEEDED}"}},
}
SLOW = ("EF_CONSTRUCTION", 1000, "M", 64)
"""Parameters with which the build takes far longer than a plan."""


@pytest.fixture
def building(server: Server) -> Server:
    """An index with a FILTER, which has few of its documents, if any."""
    vectors = np.random.default_rng(5).standard_normal((COUNT, DIMS)).astype("<f4")
    server.bulk([("HSET", f"d:{row:04}", "n", row, "v", vectors[row].tobytes()) for row in range(COUNT)])
    server.command(
        *("FT.CREATE", "i", "PREFIX", 1, "d:", "FILTER", f"@n>={NEEDED}", "SCHEMA", "n", "NUMERIC"),
        *("v", "VECTOR", "HNSW", 10, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE", *SLOW),
    )
    return server


def plan_of(server: Server) -> MigrationPlan:
    return MigrationPlanner().create_plan_from_patch("i", schema_patch=PATCH, server=server)


def test_apply_waits_until_it_is_built(building: Server, tmp_path: Path) -> None:
    plan = plan_of(building)
    assert plan.source.stats.indexing
    assert any("still being built" in line for line in plan.warnings)
    before = database_digest(building)
    told: list[tuple[str, str]] = []
    report = MigrationExecutor().apply(
        plan, server=building, backup_dir=tmp_path, progress_callback=lambda *each: told.append(each)
    )
    assert report.result is Result.SUCCEEDED
    assert read_stats(building, "i").num_docs == COUNT - NEEDED
    renamed = building.bulk([("HEXISTS", f"d:{row:04}", "rank") for row in range(COUNT)])
    assert renamed == [0] * NEEDED + [1] * (COUNT - NEEDED)
    [count] = [each for each in report.validation.findings if each.name == "document_count"]
    assert count.data["expected"] == COUNT - NEEDED
    assert ("enumerate", "Wait until 'i' is built, and enumerate keys") in told
    MigrationExecutor().rollback(server=building, backup_dir=tmp_path)
    assert database_digest(building) == before


def test_a_plan_of_an_index_that_is_built_does_not_warn(building: Server) -> None:
    wait_until_indexed(building, "i")
    assert not any("being built" in line for line in plan_of(building).warnings)


def test_a_build_that_is_stuck_ends_the_wait_and_nothing_is_changed(
    server: Server,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server.bulk([("HSET", f"d:{row}", "n", row) for row in range(20)])
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "FILTER", "@n>=5", "SCHEMA", "n", "NUMERIC")
    wait_until_indexed(server, "i")
    monkeypatch.chdir(tmp_path)
    Path("patch.yaml").write_text("{version: 1, changes: {add_fields: [{name: t, type: tag}]}}\n")
    assert run(["plan", "--url", redis_url, "--index", "i", "--schema-patch", "patch.yaml"]) == 0
    before = read_state(server)

    def read(reply: Any) -> Info:
        return parse_info({**mapping(reply), "indexing": 1, "percent_indexed": "0.4"})

    apply = ["apply", "--url", redis_url, "--plan", "migration_plan.yaml", "--backup-dir", "backups"]
    with monkeypatch.context() as patched:
        patched.setattr(inspect, "parse_info", read)
        assert run([*apply, "--stall-timeout", "1"]) == 1
    told = capsys.readouterr().err
    assert "Wait until 'i' is built, and enumerate keys" in told
    assert "'i' has 15 documents and is 40% indexed; the server's log may say why. Fix this" in told
    assert read_state(server) == before
    assert run(apply) == 0
