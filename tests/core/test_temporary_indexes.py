"""Redis deletes the documents of a TEMPORARY index with it: nothing of ours drops one that has documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from typing import Any

import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.errors import ChangeBlocked, RollbackFailed, StalePlan, StepFailed, ValidationFailed
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result
from fieldfare.server import Server, connect
from fieldfare.server.embedded import find_programs
from fieldfare.server.inspect import read_stats
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.fixtures import PrivateServer
from fieldfare.testing.indexing import wait_until_indexed
from run_moments import At

COUNT = 20
SORTABLE = {"update_fields": [{"name": "name", "attrs": {"sortable": True}}]}
TEMPORARY = {"index": {"temporary": 3600}}


def create(server: Server, *options: str | int) -> None:
    server.bulk([("HSET", f"t:{row}", "name", f"name {row}") for row in range(COUNT)])
    server.command("FT.CREATE", "idx", *options, "PREFIX", 1, "t:", "SCHEMA", "name", "TEXT")
    wait_until_indexed(server, "idx")


def documents(server: Server) -> int:
    return len(server.command("KEYS", "t:*"))


def plan_of(server: Server, changes: dict[str, Any], *, allow_document_expiry: bool = False) -> MigrationPlan:
    return MigrationPlanner(allow_document_expiry=allow_document_expiry).create_plan_from_patch(
        "idx", schema_patch={"version": 1, "changes": changes}, server=server
    )


@pytest.mark.parametrize("changes", [SORTABLE, {"index": {"temporary": None}}, {"index": {"temporary": 60}}])
def test_a_temporary_source_is_not_dropped(changes: dict[str, Any], server: Server, tmp_path: Path) -> None:
    create(server, "TEMPORARY", 3600)
    server.command("FT.CREATE", "second", "PREFIX", 1, "t:", "SCHEMA", "name", "TAG")
    plan = plan_of(server, changes, allow_document_expiry=True)
    assert not plan.supported
    assert "TEMPORARY" in plan.blocked_reasons[0]
    assert "COPY" in plan.blocked_reasons[0]
    with pytest.raises(ChangeBlocked):
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert documents(server) == COUNT


def test_a_source_that_became_temporary_after_planning_is_not_dropped(server: Server, tmp_path: Path) -> None:
    create(server)
    plan = plan_of(server, SORTABLE)
    server.command("FT.DROPINDEX", "idx")
    create(server, "TEMPORARY", 3600)
    with pytest.raises(StalePlan, match="temporary: expected none, found "):
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert documents(server) == COUNT
    assert server.command("FT.INFO", "idx")


def test_making_an_index_temporary_needs_a_flag(server: Server, redis_url: str, tmp_path: Path) -> None:
    create(server)
    (tmp_path / "patch.yaml").write_text("version: 1\nchanges:\n  index:\n    temporary: 3600\n")
    fieldfare = CommandLine(redis_url, tmp_path)
    plan = ("plan", "--index", "idx", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
    refused = fieldfare(*plan)
    assert refused.code == 4
    assert "--allow-document-expiry" in refused.stdout + refused.stderr
    allowed = fieldfare(*plan, "--allow-document-expiry")
    assert allowed.code == 0, allowed.stderr
    assert "deletes its documents" in allowed.stdout


def test_a_temporary_target_is_not_dropped_by_a_rollback(server: Server, tmp_path: Path) -> None:
    create(server)
    plan = plan_of(server, TEMPORARY, allow_document_expiry=True)
    assert MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path).result is Result.SUCCEEDED
    for force in (False, True):
        with pytest.raises(RollbackFailed, match="TEMPORARY"):
            MigrationExecutor().rollback(server=server, backup_dir=tmp_path, force=force)
        assert documents(server) == COUNT
    assert server.command("FT.INFO", "idx")


def test_a_batch_does_not_drop_temporary_indexes(server: Server, redis_url: str, tmp_path: Path) -> None:
    create(server, "TEMPORARY", 3600)
    (tmp_path / "patch.yaml").write_text(
        "version: 1\nchanges:\n  update_fields:\n    - name: name\n      attrs:\n        sortable: true\n"
    )
    fieldfare = CommandLine(redis_url, tmp_path)
    planned = fieldfare("batch-plan", "--schema-patch", "patch.yaml", "--indexes", "idx")
    assert "TEMPORARY" in planned.stdout + planned.stderr
    assert documents(server) == COUNT


def no_debug(server: Server) -> str:
    return "-_ft.debug" if server.capabilities.has_search((8, 0, 0)) else "-ft.debug"


@pytest.fixture
def without_debug(server: Server, redis_url: str) -> Iterator[Server]:
    """Give the connection of a user who may not ask for how long an index lives."""
    server.command("ACL", "SETUSER", "limited", "on", ">pw", "~*", "+@all", no_debug(server))
    with connect(redis_url.replace("redis://", "redis://limited:pw@")) as connection:
        yield connection
    server.command("ACL", "DELUSER", "limited")


@pytest.fixture
def limited(without_debug: Server, server: Server) -> Server:
    """Give the connection of a user who may not ask whether an index is TEMPORARY."""
    server.command("ACL", "SETUSER", "limited", "-ft.config")
    return without_debug


def test_an_index_without_garbage_collection_is_temporary(
    without_debug: Server, server: Server, redis_url: str, tmp_path: Path
) -> None:
    create(server, "TEMPORARY", 36000)
    plan = plan_of(without_debug, SORTABLE)
    assert "TEMPORARY" in plan.blocked_reasons[0]
    with pytest.raises(ChangeBlocked):
        MigrationExecutor().apply(plan, server=without_debug, backup_dir=tmp_path)
    assert documents(server) == COUNT
    fieldfare = CommandLine(redis_url.replace("redis://", "redis://limited:pw@"), tmp_path)
    assert re.search(r"Temporary: +yes", fieldfare("info", "--index", "idx").stdout)


def test_an_index_with_garbage_collection_is_not_temporary(without_debug: Server, server: Server) -> None:
    create(server)
    plan = plan_of(without_debug, SORTABLE)
    assert plan.supported
    assert not [line for line in plan.warnings if "TEMPORARY" in line]


def test_a_server_that_collects_no_garbage_does_not_tell_what_is_temporary(private_server: PrivateServer) -> None:
    arguments = ["--loadmodule", str(find_programs()[1] / "redisearch.so"), "NOGC"]
    with connect(private_server(arguments, search=False).url) as server:
        create(server)
        server.command("ACL", "SETUSER", "default", no_debug(server))
        plan = plan_of(server, SORTABLE)
    assert plan.supported
    assert [line for line in plan.warnings if "TEMPORARY" in line]


def test_a_user_who_may_not_ask_is_warned_and_a_loss_is_no_success(
    limited: Server, server: Server, tmp_path: Path
) -> None:
    create(server, "TEMPORARY", 36000)
    plan = plan_of(limited, SORTABLE)
    assert [line for line in plan.warnings if "do not apply this plan" in line and "TEMPORARY" in line]
    with pytest.raises(StepFailed, match="Redis deletes those of a TEMPORARY index"):
        MigrationExecutor().apply(plan, server=limited, backup_dir=tmp_path)
    for _ in range(2):
        with pytest.raises(ValidationFailed, match=f"document_count: .*all {COUNT} captured documents are gone"):
            MigrationExecutor().apply(plan, server=limited, backup_dir=tmp_path)
    undone = MigrationExecutor().rollback(server=server, backup_dir=tmp_path)
    assert not undone.validation.doc_count_match


@pytest.mark.parametrize("added", [0, 1], ids=["nobody writes", "an application adds one"])
def test_documents_that_were_all_deleted_during_a_run_are_no_success(
    added: int, server: Server, tmp_path: Path
) -> None:
    create(server)

    def delete() -> None:
        server.command("DEL", *(f"t:{row}" for row in range(COUNT)))
        server.bulk([("HSET", f"t:new {row}", "name", "new") for row in range(added)])

    plugins = load_plugins()
    plugins.register(At("drop:finished", delete), "application")
    with pytest.raises(ValidationFailed, match=f"all {COUNT} captured documents are gone"):
        MigrationExecutor(plugins=plugins).apply(plan_of(server, SORTABLE), server=server, backup_dir=tmp_path)


def test_documents_that_have_all_expired_are_no_loss(server: Server, tmp_path: Path) -> None:
    create(server)

    def expire() -> None:
        server.bulk([("PEXPIRE", f"t:{row}", 1500) for row in range(COUNT)])

    def wait_until_expired() -> None:
        while documents(server):
            sleep(0.01)

    plugins = load_plugins()
    plugins.register(At("enumerate:started", expire), "application")
    plugins.register(At("drop:finished", wait_until_expired), "clock")
    plan = plan_of(server, SORTABLE)
    report = MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path)
    assert report.result is Result.SUCCEEDED
    assert read_stats(server, "idx").num_docs == 0


def test_a_temporary_target_is_not_dropped_by_a_user_who_may_not_ask(
    limited: Server, server: Server, tmp_path: Path
) -> None:
    create(server)
    plan = plan_of(server, TEMPORARY, allow_document_expiry=True)
    MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    with pytest.raises(RollbackFailed, match="TEMPORARY"):
        MigrationExecutor().rollback(server=limited, backup_dir=tmp_path, force=True)
    assert documents(server) == COUNT


def test_a_drop_that_was_refused_is_no_outage(server: Server, tmp_path: Path) -> None:
    create(server)
    plan = plan_of(server, SORTABLE)
    plugins = load_plugins()

    def replace() -> None:
        server.command("FT.DROPINDEX", "idx")
        create(server, "TEMPORARY", 3600)

    plugins.register(At("enumerate:finished", replace), "application")
    with pytest.raises(StepFailed, match="temporary: expected none, found "):
        MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path)
    assert documents(server) == COUNT
    report = MigrationExecutor().rollback(server=server, backup_dir=tmp_path)
    assert report.timings.downtime_duration_seconds == 0
