"""What must be refused, with the server left as it was: damaged backups, second migrators, bad definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner, load_migration_plan
from fieldfare.backup import backup_prefix, lock_backup
from fieldfare.changes import Change
from fieldfare.errors import BackupDirectoryRequired, PluginConflict, UnsupportedServer
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import Claim
from fieldfare.server import Server
from fieldfare.server.lock import IndexLock
from fieldfare.testing.commandline import CommandLine, Outcome
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.indexing import wait_until_indexed

COUNT, DIMS = 130, 8
PATCH = {"version": 1, "changes": {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]}}
APPLY = ("apply", "--plan", "plan.yaml", "--backup-dir", "backup", "--batch-size", "40")
ROLLBACK = ("rollback", "--backup-dir", "backup")


@pytest.fixture
def fieldfare(redis_url: str, server: Server, tmp_path: Path) -> CommandLine:
    """An index, and a plan for it in ``plan.yaml``."""
    vectors = np.random.default_rng(1).standard_normal((COUNT, DIMS)).astype("<f4")
    server.bulk([("HSET", f"doc:{row}", "embedding", vectors[row].tobytes()) for row in range(COUNT)])
    create(server, "articles")
    planner = MigrationPlanner()
    planner.write_plan(
        planner.create_plan_from_patch("articles", schema_patch=PATCH, server=server), tmp_path / "plan.yaml"
    )
    return CommandLine(redis_url, tmp_path)


def create(server: Server, name: str) -> None:
    server.command(
        *("FT.CREATE", name, "PREFIX", 1, "doc:", "SCHEMA", "title", "TEXT", "embedding", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    wait_until_indexed(server, name)


def state(server: Server) -> object:
    return database_digest(server), index_state(server)


def refused(outcome: Outcome, *words: str) -> None:
    assert outcome.code == 4, outcome.stderr
    assert all(word in outcome.stderr for word in words), outcome.stderr
    assert "Traceback" not in outcome.stderr


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    match how:
        case "truncated":
            del content[-7:]
        case "cut between frames":
            del content[len(content) // 2 :]
        case "flipped":
            content[len(content) // 2] ^= 0x10
        case "gone":
            path.unlink()
            return
    path.write_bytes(content)


@pytest.mark.parametrize("ending", ["data", "keys", "header"])
@pytest.mark.parametrize("how", ["truncated", "cut between frames", "flipped", "gone"])
def test_damaged_backup_is_neither_resumed_nor_rolled_back(
    ending: str, how: str, fieldfare: CommandLine, server: Server
) -> None:
    assert fieldfare(*APPLY, crash_at="rewrite:progress:2").code == -9
    half_way = state(server)
    prefix = backup_prefix(fieldfare.directory / "backup", "articles")
    damage(prefix.with_name(f"{prefix.name}.{ending}"), how)

    # without a header nothing says that there was a run; the index is gone, so a fresh one cannot start either
    refused(fieldfare(*APPLY), "articles")
    refused(fieldfare(*ROLLBACK), "backup")

    assert state(server) == half_way


def test_second_migrator_on_the_same_index_is_refused(fieldfare: CommandLine, server: Server) -> None:
    before = state(server)
    with IndexLock(server, "articles", backup_dir="/elsewhere"):
        refused(fieldfare(*APPLY), "the index 'articles'", "/elsewhere")
    assert state(server) == before
    assert fieldfare(*APPLY).code == 0, "the lock is free again"


def test_second_migrator_in_the_same_backup_is_refused(fieldfare: CommandLine, server: Server) -> None:
    before = state(server)
    (fieldfare.directory / "backup").mkdir()
    with lock_backup(backup_prefix(fieldfare.directory / "backup", "articles")):
        refused(fieldfare(*APPLY), "pid", "Nothing was changed")
    assert state(server) == before


def test_backup_of_another_plan_is_refused(fieldfare: CommandLine, server: Server) -> None:
    patch = {"version": 1, "changes": {"index": {"name": "renamed"}}}
    planner = MigrationPlanner()
    plan = planner.create_plan_from_patch("articles", schema_patch=patch, server=server)
    planner.write_plan(plan, fieldfare.directory / "other.yaml")
    assert fieldfare(*APPLY, crash_at="rewrite:progress:2").code == -9
    half_way = state(server)
    refused(
        fieldfare("apply", "--plan", "other.yaml", "--backup-dir", "backup"),
        "belongs to another plan",
        "fieldfare rollback --backup-dir backup --index articles",
    )
    assert state(server) == half_way


def test_plan_for_shared_keys_is_blocked_and_names_the_other_index(fieldfare: CommandLine, server: Server) -> None:
    create(server, "neighbour")
    before = state(server)
    (fieldfare.directory / "patch.yaml").write_text(
        "version: 1\nchanges:\n  update_fields:\n    - {name: embedding, attrs: {datatype: float16}}\n"
    )
    outcome = fieldfare("plan", "--index", "articles", "--schema-patch", "patch.yaml", "--plan-out", "shared.yaml")
    assert outcome.code == 4
    assert "neighbour" in outcome.stdout + outcome.stderr
    refused(fieldfare("apply", "--plan", "shared.yaml", "--backup-dir", "backup"), "neighbour")
    assert state(server) == before


def test_index_name_that_is_taken_is_blocked(fieldfare: CommandLine, server: Server) -> None:
    create(server, "taken")
    plan = MigrationPlanner().create_plan_from_patch(
        "articles", schema_patch={"version": 1, "changes": {"index": {"name": "taken"}}}, server=server
    )
    assert plan.supported is False
    assert "'taken' exists already" in plan.blocked_reasons[0]
    assert fieldfare.directory


def test_definition_that_the_server_refuses_is_found_before_the_drop(fieldfare: CommandLine, server: Server) -> None:
    before = state(server)
    patch = {"version": 1, "changes": {"index": {"filter": "@title=="}}}
    plan = MigrationPlanner().create_plan_from_patch("articles", schema_patch=patch, server=server)
    with pytest.raises(UnsupportedServer, match="target definition"):
        MigrationExecutor().apply(plan, server=server, backup_dir=fieldfare.directory / "backup")
    assert state(server) == before


def test_backup_directory_is_asked_for_with_a_value_error(fieldfare: CommandLine, server: Server) -> None:
    plan = load_migration_plan(fieldfare.directory / "plan.yaml")
    with pytest.raises(ValueError, match="backup directory is required") as caught:
        MigrationExecutor().apply(plan, server=server, backup_dir="")
    assert isinstance(caught.value, BackupDirectoryRequired)


def test_two_plugins_that_claim_one_change_are_named(server: Server, fieldfare: CommandLine) -> None:
    class Greedy:
        @hookimpl
        def fieldfare_classify(self, change: Change) -> Claim:
            del change
            return Claim.supported()

    plugins = load_plugins()
    plugins.register(Greedy(), "greedy")
    with pytest.raises(PluginConflict, match=r"Several plugins claim this change: .*greedy, quantize"):
        MigrationPlanner(plugins=plugins).create_plan_from_patch("articles", schema_patch=PATCH, server=server)
    assert fieldfare.directory


def test_observer_that_raises_fails_nothing(server: Server, fieldfare: CommandLine) -> None:
    class Clumsy:
        @hookimpl
        def fieldfare_step_report(self, report: object) -> None:
            raise RuntimeError(str(report))

    plugins = load_plugins()
    plugins.register(Clumsy(), "clumsy")
    plan = load_migration_plan(fieldfare.directory / "plan.yaml")
    with capture_logs() as logs:
        report = MigrationExecutor(plugins=plugins).apply(
            plan, server=server, backup_dir=fieldfare.directory / "backup"
        )
    assert report.result == "succeeded"
    assert {(each["event"], each["plugin"]) for each in logs} == {("observer_failed", "clumsy")}


def test_two_planners_make_byte_identical_plans(server: Server, fieldfare: CommandLine) -> None:
    first, second = fieldfare.directory / "plan.yaml", fieldfare.directory / "again.yaml"
    planner = MigrationPlanner()
    planner.write_plan(planner.create_plan_from_patch("articles", schema_patch=PATCH, server=server), second)
    assert first.read_bytes() == second.read_bytes()
