"""Servers that will not let a migration end: found while nothing has been changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result
from fieldfare.server import Server, connect
from fieldfare.server.refusal import CommandNotAllowed
from fieldfare.testing.digest import database_digest, index_state

PATCH = {"version": 1, "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}}


@pytest.fixture
def plan(server: Server) -> MigrationPlan:
    server.bulk([("HSET", f"d:{row}", "v", bytes(range(1, 9))) for row in range(20)])
    server.command(
        *("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", "v", "VECTOR", "HNSW", 8),
        *("TYPE", "FLOAT32", "DIM", 2, "DISTANCE_METRIC", "L2", "EF_RUNTIME", 33),
    )
    return MigrationPlanner().create_plan_from_patch("i", schema_patch=PATCH, server=server)


@pytest.fixture
def restricted(server: Server, redis_url: str) -> Iterator[Server]:
    """The same server, for a user who may do everything, until a test takes something away."""
    server.command("ACL", "SETUSER", "somebody", "on", ">secret", "~*", "&*", "+@all")
    with connect(redis_url.replace("redis://", "redis://somebody:secret@")) as opened:
        yield opened
    server.command("ACL", "DELUSER", "somebody")


@pytest.mark.parametrize("command", ["hsetex", "ft.create", "ft.dropindex"])
def test_missing_permission_is_found_before_the_drop(
    command: str, plan: MigrationPlan, restricted: Server, server: Server, tmp_path: Path
) -> None:
    if command == "hsetex" and not server.capabilities.has_hsetex:
        pytest.skip("this server writes without HSETEX")
    before = database_digest(server), index_state(server)
    server.command("ACL", "SETUSER", "somebody", f"-{command}")
    with pytest.raises(CommandNotAllowed, match=rf"the right \+{command} is missing"):
        MigrationExecutor().apply(plan, server=restricted, backup_dir=tmp_path)
    assert (database_digest(server), index_state(server)) == before
    assert MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path).result is Result.SUCCEEDED


@pytest.mark.parametrize("denied", ["-@scripting", "-ft.debug"])
def test_permissions_that_can_be_done_without(
    denied: str, plan: MigrationPlan, restricted: Server, server: Server, tmp_path: Path
) -> None:
    if denied == "-ft.debug" and server.capabilities.has_search((8, 0, 0)):
        denied = "-_ft.debug"
    before = database_digest(server), index_state(server)
    server.command("ACL", "SETUSER", "somebody", denied)
    assert MigrationExecutor().apply(plan, server=restricted, backup_dir=tmp_path).result is Result.SUCCEEDED
    assert server.command("KEYS", "fieldfare:*") == [], "the lock is given back"
    assert MigrationExecutor().rollback(server=restricted, backup_dir=tmp_path).result is Result.ROLLED_BACK
    assert (database_digest(server), index_state(server)) == before


def test_status_tells_the_truth_without_a_server(plan: MigrationPlan, server: Server, tmp_path: Path) -> None:
    executor = MigrationExecutor()
    executor.apply(plan, server=server, backup_dir=tmp_path, plan_path="some plan.yaml")
    [done] = executor.status(tmp_path)
    assert done["state"] == "the target index is live and validated"
    assert "--plan 'some plan.yaml'" in done["resume"]
    executor.rollback(server=server, backup_dir=tmp_path)
    [back] = executor.status(tmp_path)
    assert back["state"] == "everything was rolled back"
