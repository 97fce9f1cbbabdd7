"""Scripts that were written for RedisVL's migrator: each public name of 0.28 for one index, on a real server."""

from __future__ import annotations

import asyncio
import importlib
import re
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from redis import Redis, RedisCluster
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio import RedisCluster as AsyncRedisCluster

from fieldfare.errors import FieldfareError, UsageError
from fieldfare.migration import (
    AsyncMigrationExecutor,
    AsyncMigrationPlanner,
    AsyncMigrationValidator,
    MigrationExecutor,
    MigrationPlanner,
    MigrationValidator,
    SchemaPatch,
)
from fieldfare.migration.models import MigrationPlan, MigrationReport
from fieldfare.migration.utils import (
    estimate_disk_space,
    list_indexes,
    load_migration_plan,
    load_yaml,
    schemas_equal,
    write_benchmark_report,
    write_migration_report,
    write_yaml,
)
from fieldfare.server import Server
from fieldfare.testing.indexing import wait_until_indexed

DIMS = 4
COUNT = 30
PATCH = {
    "version": 1,
    "changes": {
        "rename_fields": [{"old_name": "title", "new_name": "headline"}],
        "update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}],
        "index": {"prefix": "article"},
    },
}
SORTABLE = {"version": 1, "changes": {"update_fields": [{"name": "title", "attrs": {"sortable": True}}]}}
MODULES = {
    "executor": "MigrationExecutor",
    "planner": "MigrationPlanner",
    "validation": "MigrationValidator",
    "async_executor": "AsyncMigrationExecutor",
    "async_planner": "AsyncMigrationPlanner",
    "async_validation": "AsyncMigrationValidator",
    "backup": "VectorBackup",
    "models": "MigrationPlan",
}


@pytest.fixture(autouse=True)
def documents(server: Server) -> Server:
    """An index as RedisVL makes it: a prefix without its separator."""
    vectors = np.random.default_rng(3).random((COUNT, DIMS), np.float32)
    for row, vector in enumerate(vectors):
        server.command("HSET", f"doc:{row}", "title", f"about {row}", "embedding", vector.tobytes())
    vector_field = ("embedding", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE")
    server.command("FT.CREATE", "docs", "PREFIX", 1, "doc", "SCHEMA", "title", "TEXT", *vector_field)
    wait_until_indexed(server, "docs")
    return server


def script(client: Redis, tmp_path: Path) -> tuple[MigrationPlan, MigrationReport]:
    """Do what the guide's script does, with a client of the program's own."""
    write_yaml(PATCH, tmp_path / "patch.yaml")
    planner = MigrationPlanner(key_sample_limit=5)
    plan = planner.create_plan("docs", redis_client=client, schema_patch_path=str(tmp_path / "patch.yaml"))
    planner.write_plan(plan, str(tmp_path / "plan.yaml"))
    report = MigrationExecutor().apply(
        load_migration_plan(str(tmp_path / "plan.yaml")),
        redis_client=client,
        backup_dir=str(tmp_path / "backups"),
        batch_size=10,
        num_workers=2,
    )
    return plan, report


def test_every_attribute_of_a_plan(client: Redis, tmp_path: Path) -> None:
    plan, _ = script(client, tmp_path)
    assert plan.mode == "drop_recreate"
    assert plan.source.index_name == "docs"
    assert [field["name"] for field in plan.source.schema_snapshot["fields"]] == ["title", "embedding"]
    assert plan.source.stats_snapshot["num_docs"] == COUNT
    assert plan.source.stats_snapshot["hash_indexing_failures"] == 0
    keyspace = plan.source.keyspace
    assert (keyspace.storage_type, list(keyspace.prefixes), keyspace.key_separator) == ("hash", ["doc"], ":")
    assert len(keyspace.key_sample) == 5
    assert plan.requested_changes["index"] == {"prefix": "article"}
    assert plan.merged_target_schema["index"]["prefix"] == "article"
    assert plan.diff_classification.supported is True
    assert list(plan.diff_classification.blocked_reasons) == []
    assert plan.rename_operations.has_operations
    assert plan.rename_operations.change_prefix == "article"
    assert [(each.old_name, each.new_name) for each in plan.rename_operations.rename_fields] == [("title", "headline")]
    assert plan.validation.require_doc_count_match
    assert plan.validation.require_schema_match
    assert any("downtime" in line for line in plan.warnings)
    assert estimate_disk_space(plan).total_new_disk_bytes > COUNT * DIMS * 4
    assert estimate_disk_space(plan).memory_savings_after_bytes == COUNT * DIMS * 2


def test_every_attribute_of_a_report(client: Redis, tmp_path: Path) -> None:
    _, report = script(client, tmp_path)
    assert (report.source_index, report.target_index, report.mode) == ("docs", "docs", "drop_recreate")
    assert report.result == "succeeded"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*\+00:00", report.started_at)
    assert report.started_at <= report.finished_at
    assert list(report.manual_actions) == []
    assert report.backup is not None
    assert report.backup.backup_dir == str(tmp_path / "backups")
    assert report.backup.backup_paths == [report.backup_prefix]
    assert report.disk_space_estimate is not None
    assert report.disk_space_estimate.total_new_disk_bytes > 0
    validation = report.validation
    assert (validation.errors, validation.query_checks, validation.indexing_failures_delta) == ([], [], 0)
    assert validation.schema_match
    assert validation.doc_count_match
    assert validation.key_sample_exists
    summary = report.benchmark_summary
    assert summary.documents_indexed_per_second is not None
    assert summary.source_index_size_mb is not None
    assert summary.target_index_size_mb is not None
    assert summary.index_size_delta_mb == pytest.approx(
        summary.target_index_size_mb - summary.source_index_size_mb, abs=0.001
    )


@pytest.mark.parametrize(
    "activity",
    [
        "total_migration",
        "drop",
        "quantize",
        "field_rename",
        "key_rename",
        "recreate",
        "initial_indexing",
        "validation",
        "downtime",
    ],
)
def test_every_timing(client: Redis, tmp_path: Path, activity: str) -> None:
    _, report = script(client, tmp_path)
    assert getattr(report.timings, f"{activity}_duration_seconds") > 0
    write_migration_report(report, str(tmp_path / "report.yaml"))
    assert load_yaml(tmp_path / "report.yaml")["timings"][f"{activity}_duration_seconds"] > 0


def test_a_report_file_has_these_names_too(client: Redis, tmp_path: Path) -> None:
    _, report = script(client, tmp_path)
    write_migration_report(report, str(tmp_path / "report.yaml"))
    write_benchmark_report(report, str(tmp_path / "benchmark.yaml"))
    found = load_yaml(tmp_path / "report.yaml")
    assert found["backup"]["backup_paths"] == [report.backup_prefix]
    assert found["validation"]["errors"] == []
    assert found["benchmark_summary"]["index_size_delta_mb"] == report.benchmark_summary.index_size_delta_mb
    assert found["disk_space_estimate"]["disk_bytes"] > 0
    assert found["mode"] == "drop_recreate"
    assert load_yaml(tmp_path / "benchmark.yaml")["timings"]["total_duration_seconds"] > 0


def test_ids_and_keys_of_query_checks(client: Redis, tmp_path: Path) -> None:
    plan, _ = script(client, tmp_path)
    checks = {"fetch_ids": ["1", "nobody"], "keys_exist": ["article:1", "doc:1"], "queries": [{"query": "about"}]}
    write_yaml(checks, tmp_path / "checks.yaml")
    # RedisVL's validator returns these three
    validation, target_info, seconds = MigrationValidator().validate(
        plan, redis_client=client, query_check_file=str(tmp_path / "checks.yaml")
    )
    found = {check.name: (check.passed, bool(check.details)) for check in validation.query_checks}
    assert found == {
        "key:article:1": (True, True),
        "key:doc:1": (False, True),
        "fetch:1": (True, True),
        "fetch:nobody": (False, True),
        "query:about": (True, True),
    }
    assert [line.split(":")[0] for line in validation.errors] == ["key", "fetch"]
    assert target_info["num_docs"] == COUNT
    assert seconds > 0


def test_a_failed_run_says_what_to_do(client: Redis, tmp_path: Path) -> None:
    write_yaml({"keys_exist": ["nobody"]}, tmp_path / "checks.yaml")
    plan = MigrationPlanner().create_plan_from_patch("docs", schema_patch=PATCH, redis_client=client)
    with pytest.raises(FieldfareError) as caught:
        MigrationExecutor().apply(
            plan,
            redis_client=client,
            backup_dir=str(tmp_path / "backups"),
            query_check_file=str(tmp_path / "checks.yaml"),
        )
    report = caught.value.report  # type: ignore[attr-defined]
    assert report.result == "failed"
    assert [line.split(":")[0] for line in report.manual_actions] == ["Resume", "Roll back"]
    assert report.validation.errors == ["key:nobody: no such key: nobody"]


def test_no_originals_no_backup_paths(client: Redis, tmp_path: Path) -> None:
    plan = MigrationPlanner().create_plan_from_patch("docs", schema_patch=SORTABLE, redis_client=client)
    report = MigrationExecutor().apply(plan, redis_client=client, backup_dir=tmp_path)
    assert report.backup is not None
    assert report.backup.backup_paths == []


def test_an_index_with_failures_is_warned_of(documents: Server, client: Redis, tmp_path: Path) -> None:
    documents.command("HSET", "doc:short", "embedding", b"no vector")
    halves = np.ones(DIMS, np.float16).tobytes()
    documents.command("HSET", "doc:half", "embedding", halves)
    patch = {"version": 1, "changes": {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]}}
    plan = MigrationPlanner().create_plan_from_patch("docs", schema_patch=patch, redis_client=client)
    assert any("hash indexing failure" in line for line in plan.warnings)
    report = MigrationExecutor().apply(plan, redis_client=client, backup_dir=tmp_path)
    assert report.validation.doc_count_match, "what could not be indexed before is no document too many"


@pytest.mark.parametrize("backup_dir", ["blocker", "blocker/sub"])
def test_an_unusable_backup_directory_is_a_value_error(client: Redis, tmp_path: Path, backup_dir: str) -> None:
    (tmp_path / "blocker").write_text("a file")
    plan = MigrationPlanner().create_plan_from_patch("docs", schema_patch=PATCH, redis_client=client)
    with pytest.raises(ValueError, match="backup directory"):
        MigrationExecutor().apply(plan, redis_client=client, backup_dir=tmp_path / backup_dir)
    with pytest.raises(ValueError, match="backup directory"):
        MigrationExecutor().apply(plan, redis_client=client)


def test_schemas_are_equal_if_they_mean_the_same_index(client: Redis) -> None:
    plan = MigrationPlanner().create_plan_from_patch("docs", schema_patch=PATCH, redis_client=client)
    source = plan.source.schema_snapshot
    assert schemas_equal(source, {**source, "fields": list(source["fields"])})
    assert not schemas_equal(source, plan.merged_target_schema)
    assert "docs" in list_indexes(redis_client=client)


async def run_asynchronously(client: AsyncRedis | AsyncRedisCluster, tmp_path: Path) -> MigrationReport:
    plan = await AsyncMigrationPlanner().create_plan_from_patch("docs", schema_patch=PATCH, redis_client=client)
    report = await AsyncMigrationExecutor().apply(plan, redis_client=client, backup_dir=tmp_path)
    validation, _, _ = await AsyncMigrationValidator().validate(plan, redis_client=client)
    assert validation.errors == []
    return report


def test_asynchronous_clients(client: Redis, tmp_path: Path) -> None:
    options = client.connection_pool.connection_kwargs
    where = {name: options[name] for name in ("host", "port") if name in options}

    async def migrate() -> MigrationReport:
        async with AsyncRedis(unix_socket_path=options.get("path"), decode_responses=True, **where) as own:
            report = await run_asynchronously(own, tmp_path)
            assert await own.ping()
            return report

    assert asyncio.run(migrate()).result == "succeeded"


def test_a_client_stays_as_it_is(client: Redis, tmp_path: Path) -> None:
    options = client.connection_pool.connection_kwargs
    pool = type(client.connection_pool)(
        client.connection_pool.connection_class, **{**options, "decode_responses": True}
    )
    with closing(pool), Redis(connection_pool=pool) as own:
        script(own, tmp_path)
        assert own.hget("article:1", "headline") == "about 1"


def test_another_thing_than_a_client_is_refused() -> None:
    with pytest.raises(UsageError, match=r"no client of redis-py but a str"):
        MigrationPlanner().create_plan_from_patch("docs", schema_patch=PATCH, redis_client="redis://x")  # type: ignore[arg-type]


def test_another_database_is_refused(client: Redis) -> None:
    pool = client.connection_pool
    other = type(pool)(pool.connection_class, **{**pool.connection_kwargs, "db": 3})
    with Redis(connection_pool=other) as own, pytest.raises(FieldfareError, match="database 0 only"):
        MigrationPlanner().create_plan_from_patch("docs", schema_patch=PATCH, redis_client=own)


@pytest.fixture
def documents_in_a_cluster(cluster: Server) -> Server:
    for row in range(COUNT):
        cluster.command("HSET", f"doc{{t}}:{row}", "title", f"about {row}")
    cluster.command("FT.CREATE", "docs{t}", "PREFIX", 1, "doc{t}", "SCHEMA", "title", "TEXT")
    wait_until_indexed(cluster, "docs{t}")
    return cluster


def test_a_client_of_a_cluster(documents_in_a_cluster: Server, tmp_path: Path) -> None:
    node = documents_in_a_cluster.nodes()[0].connection_pool.connection_kwargs
    with RedisCluster(host=node["host"], port=node["port"], decode_responses=True) as own:
        plan = MigrationPlanner().create_plan_from_patch("docs{t}", schema_patch=SORTABLE, redis_client=own)
        report = MigrationExecutor().apply(plan, redis_client=own, backup_dir=tmp_path)
    assert report.result == "succeeded"


def test_an_asynchronous_client_of_a_cluster(documents_in_a_cluster: Server) -> None:
    node = documents_in_a_cluster.nodes()[0].connection_pool.connection_kwargs

    async def plan() -> MigrationPlan:
        async with AsyncRedisCluster(host=node["host"], port=node["port"]) as own:
            return await AsyncMigrationPlanner().create_plan_from_patch(
                "docs{t}", schema_patch=SORTABLE, redis_client=own
            )

    assert asyncio.run(plan()).supported


@pytest.mark.parametrize(("module", "name"), MODULES.items())
def test_modules_have_redisvls_names(module: str, name: str) -> None:
    found = getattr(importlib.import_module(f"fieldfare.migration.{module}"), name)
    assert isinstance(found, type)


def test_a_patch_has_a_class() -> None:
    assert SchemaPatch.__module__.startswith("fieldfare.patch")
