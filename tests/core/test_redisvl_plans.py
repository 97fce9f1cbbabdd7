"""Plans that RedisVL 0.28 wrote are read, and applied to the live index."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path
from typing import Final

import pytest

from fieldfare.errors import ChangeBlocked, FileError, PlanEdited, StalePlan, UsageError
from fieldfare.migration import (
    AsyncMigrationExecutor,
    MigrationExecutor,
    MigrationPlanner,
    MigrationValidator,
    load_migration_plan,
    write_migration_plan,
)
from fieldfare.report import Result
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition
from fieldfare.support.yamlfile import dump_yaml, load_yaml
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.indexing import wait_until_indexed

DATA: Final = Path(__file__).parents[1] / "data/redisvl_0_28"
COUNT: Final = 6
NEVER: Final = "never:progress:1"
"""A moment at which nothing crashes: the plugin that crashes is there all the same."""
VECTOR: Final = struct.pack("<4f", 1, 2, 3, 4)


def load_products(server: Server, *options: str) -> None:
    for row in range(COUNT):
        server.command("HSET", f"product:{row}", "title", "a", "tags", "x|y", "price", row, "embedding", VECTOR)
    server.command(
        *("FT.CREATE", "products", "PREFIX", "1", "product", *options, "SCHEMA", "title", "TEXT"),
        *("tags", "TAG", "SEPARATOR", "|", "price", "NUMERIC", "SORTABLE", "embedding", "VECTOR", "HNSW", 6),
        *("TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "COSINE"),
    )
    wait_until_indexed(server, "products")


def load_articles(server: Server) -> None:
    for row in range(COUNT):
        document = f'{{"title":"a","kind":"b","year":{row},"embedding":[1,2,3,{row}]}}'
        server.command("JSON.SET", f"art:{row}", "$", document)
    server.command(
        *("FT.CREATE", "articles", "ON", "JSON", "PREFIX", 1, "art", "SCHEMA", "$.title", "AS", "title", "TEXT"),
        *("$.kind", "AS", "kind", "TAG", "$.embedding", "AS", "embedding", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "L2"),
    )
    wait_until_indexed(server, "articles")


def test_a_plan_is_loaded_without_a_server() -> None:
    plan = load_migration_plan(DATA / "migration_plan_hash.yaml")
    assert (plan.index, plan.target.name, plan.mode, plan.supported) == ("products", "products", "drop_recreate", True)
    assert [str(change) for change in plan.changes] == [
        "field 'title': sortable: no → yes",
        "field 'embedding': datatype: float32 → float16",
        "rename field 'price' to 'cost'",
    ]
    assert plan.source.stats.num_docs == COUNT
    assert len(plan.source.key_sample) == COUNT
    assert plan.warnings[0].startswith("RedisVL wrote this plan. It has no steps")
    assert plan.warnings[1] == "Index downtime is required", "RedisVL's own warnings follow"
    assert plan.is_unplanned
    with pytest.raises(UsageError, match="has no steps"):
        write_migration_plan(plan, DATA / "never-written.yaml")


def test_a_blocked_plan_stays_blocked(server: Server, redis_url: str, tmp_path: Path) -> None:
    load_products(server)
    plan = load_migration_plan(DATA / "migration_plan_blocked.yaml")
    assert not plan.supported
    assert not plan.diff_classification.supported
    with pytest.raises(ChangeBlocked, match="dims from 4 to 2"):
        MigrationExecutor().apply(plan, redis_url=redis_url, backup_dir=tmp_path)


@pytest.mark.parametrize("name", ["hash", "json", "target_schema"])
def test_a_plan_is_applied_validated_and_rolled_back(name: str, server: Server, redis_url: str, tmp_path: Path) -> None:
    (load_articles if name == "json" else load_products)(server)
    before = database_digest(server), index_state(server)
    plan = load_migration_plan(DATA / f"migration_plan_{name}.yaml")
    executor, validator = MigrationExecutor(), MigrationValidator()
    report = executor.apply(plan, redis_url=redis_url, backup_dir=tmp_path)
    assert report.result is Result.SUCCEEDED
    definition = read_definition(server, plan.target.name)
    fields = {field.name: field for field in definition.fields}
    match name:
        case "hash":
            assert fields["embedding"].attrs["datatype"] == "float16"
            assert fields["title"].attrs["sortable"]
            assert "cost" in fields
            assert server.command("HGET", "product:2", "cost") == b"2"
        case "json":
            assert (definition.name, definition.prefixes, "kind" in fields) == ("articles_v2", ("article",), False)
            assert fields["year"].path == "$.year"
            assert server.command("EXISTS", "article:3") == 1
        case _:
            assert ("tags" in fields, "year" in fields) == (False, True)
    assert validator.validate(plan, redis_url=redis_url).validation.passed
    full = validator.validate(plan, redis_url=redis_url, backup_dir=tmp_path, verify="full")
    assert full.validation.passed
    again = executor.apply(plan, redis_url=redis_url, backup_dir=tmp_path)
    assert again.result is Result.NOTHING_TO_DO

    executor.rollback(redis_url=redis_url, backup_dir=tmp_path)
    assert (database_digest(server), index_state(server)) == before
    assert not validator.validate(plan, redis_url=redis_url).validation.passed
    assert executor.apply(plan, redis_url=redis_url, backup_dir=tmp_path).result is Result.SUCCEEDED


def test_what_redisvl_does_not_know_of_an_index_is_kept(server: Server, redis_url: str, tmp_path: Path) -> None:
    load_products(server, "FILTER", "@price>=0", "STOPWORDS", "1", "foo", "LANGUAGE", "german")
    before = read_definition(server, "products")
    plan = load_migration_plan(DATA / "migration_plan_hash.yaml")
    MigrationExecutor().apply(
        load_migration_plan(DATA / "migration_plan_target_schema.yaml"), redis_url=redis_url, backup_dir=tmp_path
    )
    after = read_definition(server, "products")
    assert (after.filter, after.stopwords, after.language) == (before.filter, ("foo",), "german")
    report = MigrationValidator().validate(
        load_migration_plan(DATA / "migration_plan_target_schema.yaml"), redis_url=redis_url
    )
    assert report.validation.schema_match
    assert not MigrationValidator().validate(plan, redis_url=redis_url).validation.schema_match


def test_an_index_that_changed_since_is_refused(server: Server, redis_url: str, tmp_path: Path) -> None:
    load_products(server)
    server.command("FT.ALTER", "products", "SCHEMA", "ADD", "year", "NUMERIC")
    plan = load_migration_plan(DATA / "migration_plan_hash.yaml")
    with pytest.raises(StalePlan, match="year"):
        MigrationExecutor().apply(plan, redis_url=redis_url, backup_dir=tmp_path)
    with pytest.raises(StalePlan):
        MigrationPlanner().with_steps(plan, redis_url=redis_url)


def test_an_edited_target_is_refused(server: Server, redis_url: str, tmp_path: Path) -> None:
    load_products(server)
    content = dict(load_yaml(DATA / "migration_plan_hash.yaml").data)
    content["merged_target_schema"]["fields"] = content["merged_target_schema"]["fields"][:-1]
    (tmp_path / "plan.yaml").write_text(dump_yaml(content))
    plan = load_migration_plan(tmp_path / "plan.yaml")
    with pytest.raises(PlanEdited, match="merged_target_schema does not follow from requested_changes"):
        MigrationExecutor().apply(plan, redis_url=redis_url, backup_dir=tmp_path / "backups")


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("requested_changes", {"version": 1, "changes": {"remove_fields": ["none"]}}, "requested_changes: "),
        ("requested_changes", 5, "requested_changes: must be a mapping"),
        ("merged_target_schema", {}, "merged_target_schema"),
        ("source", {"index_name": "products"}, "source.stats_snapshot: must be a mapping"),
        ("diff_classification", None, "diff_classification: must be a mapping"),
    ],
)
def test_a_damaged_plan_is_refused_with_its_problems(key: str, value: object, problem: str, tmp_path: Path) -> None:
    content = {**load_yaml(DATA / "migration_plan_hash.yaml").data, key: value}
    (tmp_path / "plan.yaml").write_text(dump_yaml(content))
    with pytest.raises(FileError) as refused:
        load_migration_plan(tmp_path / "plan.yaml")
    assert any(problem in line for line in refused.value.problems), refused.value.problems


def test_a_plan_is_applied_asynchronously(server: Server, redis_url: str, tmp_path: Path) -> None:
    load_products(server)
    plan = load_migration_plan(DATA / "migration_plan_hash.yaml")
    report = asyncio.run(AsyncMigrationExecutor().apply(plan, redis_url=redis_url, backup_dir=tmp_path))
    assert report.result is Result.SUCCEEDED


def test_a_killed_run_of_a_plan_resumes(server: Server, redis_url: str, tmp_path: Path) -> None:
    load_products(server)
    before = database_digest(server), index_state(server)
    command = CommandLine(redis_url, tmp_path)
    arguments = ("apply", "--plan", str(DATA / "migration_plan_hash.yaml"), "--backup-dir", "backups")
    killed = command(*arguments, crash_at="drop:finished:1")
    assert killed.code < 0, killed.stderr
    assert server.command("FT._LIST") == []
    resumed = command(*arguments, crash_at=NEVER)
    assert resumed.code == 0, resumed.stderr
    assert "Note: RedisVL wrote this plan" in resumed.stderr
    assert "float32 to float16" in resumed.stderr, "what is lost is said"
    assert command("rollback", "--backup-dir", "backups", crash_at=NEVER).code == 0
    assert (database_digest(server), index_state(server)) == before


def test_an_estimate_of_a_plan_asks_the_server(server: Server, redis_url: str, tmp_path: Path) -> None:
    load_products(server)
    done = CommandLine(redis_url, tmp_path)("estimate", "--plan", str(DATA / "migration_plan_hash.yaml"))
    assert done.code == 0, done.stderr
    assert "Vector field 'embedding': 4 dims, float32 -> float16" in done.stdout
    assert "AOF growth: none (AOF is off)" in done.stdout
