"""A backup and a server that don't belong together: somebody has taken one server for another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.errors import BackupUnusable, MigrationIncomplete, RollbackFailed, StepFailed
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result
from fieldfare.server import Server
from fieldfare.server.connector import connect
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.server.inspect import read_definition
from fieldfare.support import fault_points
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.faults import InjectedError
from fieldfare.testing.indexing import wait_until_indexed

COUNT, DIMS = 20, 4
CONVERTED: dict[str, Any] = {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}
PATCH = {"version": 1, "changes": CONVERTED}
MOVED = {
    "version": 1,
    "changes": {
        **CONVERTED,
        "rename_fields": [{"old_name": "v", "new_name": "vec"}],
        "index": {"prefix": "e:"},
    },
}
PATCHES = {"rewritten": PATCH, "rewritten, renamed and moved": MOVED}


def load(server: Server, seed: int) -> None:
    """Make the index, with documents that have the same keys everywhere, and other vectors for another seed."""
    vectors = np.random.default_rng(seed).standard_normal((COUNT, DIMS)).astype("<f4")
    server.bulk([("HSET", f"d:{row:02}", "v", vectors[row].tobytes()) for row in range(COUNT)])
    server.command(
        *("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    wait_until_indexed(server)


def state(server: Server) -> object:
    return database_digest(server), index_state(server)


def break_off(point: str) -> None:
    if point == "create:server.send:before":
        raise InjectedError


def planned(server: Server, patch: dict[str, Any] = PATCH) -> MigrationPlan:
    return MigrationPlanner().create_plan_from_patch("idx", schema_patch=patch, server=server)


@pytest.fixture
def staging(server: Server) -> Server:
    load(server, 1)
    return server


@pytest.fixture
def production() -> Iterator[Server]:
    with EmbeddedServer() as embedded, connect(embedded.url) as server:
        load(server, 2)
        yield server


@pytest.mark.parametrize("patch", PATCHES)
@pytest.mark.parametrize("is_migrated", [True, False], ids=["migrated too", "not migrated"])
def test_rollback_on_another_server_changes_nothing(
    patch: str, staging: Server, production: Server, tmp_path: Path, *, is_migrated: bool
) -> None:
    before = state(staging)
    plan = planned(staging, PATCHES[patch])
    MigrationExecutor().apply(plan, server=staging, backup_dir=tmp_path / "staging")
    if is_migrated:
        MigrationExecutor().apply(plan, server=production, backup_dir=tmp_path / "production")
    there = state(production)

    with pytest.raises(BackupUnusable, match="20 of 20 documents that were compared, such as d:00"):
        MigrationExecutor().rollback(server=production, backup_dir=tmp_path / "staging")

    assert state(production) == there
    assert MigrationExecutor().rollback(server=staging, backup_dir=tmp_path / "staging").result is Result.ROLLED_BACK
    assert state(staging) == before


def test_run_does_not_go_on_with_another_server(staging: Server, production: Server, tmp_path: Path) -> None:
    plan = planned(staging)
    there = state(production)
    fault_points.listen(break_off)
    try:
        with pytest.raises(MigrationIncomplete):
            MigrationExecutor().apply(plan, server=staging, backup_dir=tmp_path)
    finally:
        fault_points.listen(None)

    with pytest.raises(BackupUnusable, match="does not seem to be the server"):
        MigrationExecutor().apply(plan, server=production, backup_dir=tmp_path)

    assert state(production) == there
    assert MigrationExecutor().apply(plan, server=staging, backup_dir=tmp_path).result is Result.SUCCEEDED


def test_restarted_server_of_which_every_original_was_written_since(tmp_path: Path) -> None:
    with EmbeddedServer(["--appendonly", "yes"]) as embedded:
        with connect(embedded.url) as server:
            load(server, 1)
            plan = MigrationPlanner().create_plan_from_patch("idx", schema_patch=PATCH, server=server, mode="shadow")
            MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
            others = np.random.default_rng(7).standard_normal((COUNT, DIMS)).astype("<f4")
            server.bulk([("HSET", f"d:{row:02}", "v", others[row].tobytes()) for row in range(COUNT)])
            MigrationExecutor().sync(server=server, backup_dir=tmp_path)
        embedded.restart()
        with connect(embedded.url) as server:
            server.command("HSET", "d:03", "v", others[0].tobytes())
            MigrationExecutor().sync(server=server, backup_dir=tmp_path)
            assert server.command("HGET", "d:03", "v__v2") == others[0].astype("<f2").tobytes()
            MigrationExecutor().rollback(server=server, backup_dir=tmp_path)
            assert server.command("HGETALL", "d:03") == {b"v": others[0].tobytes()}


def test_server_that_is_restarted_during_finalize_after_every_shadow_field_was_written(tmp_path: Path) -> None:
    vectors = np.random.default_rng(7).standard_normal((2, COUNT, DIMS)).astype("<f2")
    with EmbeddedServer(["--appendonly", "yes"]) as embedded:
        with connect(embedded.url) as server:
            load(server, 1)
            plan = MigrationPlanner().create_plan_from_patch("idx", schema_patch=PATCH, server=server, mode="shadow")
            MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
            with (
                failing(lambda point: point.startswith("finalize:") and not server.command("HEXISTS", "d:00", "v")),
                pytest.raises(StepFailed),
            ):
                MigrationExecutor().finalize(server=server, backup_dir=tmp_path)
            server.bulk([("HSET", f"d:{row:02}", "v__v2", vectors[0, row].tobytes()) for row in range(COUNT)])
        embedded.restart()
        with connect(embedded.url) as server:
            assert MigrationExecutor().finalize(server=server, backup_dir=tmp_path).result is Result.SUCCEEDED
            with (
                failing(lambda point: point.startswith("restore:") and server.command("HEXISTS", "d:00", "v")),
                pytest.raises(RollbackFailed),
            ):
                MigrationExecutor().rollback(server=server, backup_dir=tmp_path)
            server.bulk([("HSET", f"d:{row:02}", "v__v2", vectors[1, row].tobytes()) for row in range(COUNT)])
        embedded.restart()
        with connect(embedded.url) as server:
            MigrationExecutor().rollback(server=server, backup_dir=tmp_path)
            assert server.command("HGETALL", "d:03") == {b"v": vectors[1, 3].astype("<f4").tobytes()}


@contextmanager
def failing(when: Callable[[str], bool]) -> Iterator[None]:
    """Fail at the first fault point at which this is true."""

    def fail(point: str) -> None:
        fault_points.listen(None)
        if when(point):
            raise InjectedError(point)
        fault_points.listen(fail)

    fault_points.listen(fail)
    try:
        yield
    finally:
        fault_points.listen(None)


def test_backup_of_a_directory_that_two_servers_share(staging: Server, production: Server, tmp_path: Path) -> None:
    """The first one's is set aside when the second one begins, and found again as the documentation says."""
    before = state(staging)
    plan = planned(staging)
    MigrationExecutor().apply(plan, server=staging, backup_dir=tmp_path)
    MigrationExecutor().apply(plan, server=production, backup_dir=tmp_path)
    with pytest.raises(BackupUnusable, match="does not seem to be the server"):
        MigrationExecutor().rollback(server=staging, backup_dir=tmp_path)

    own = tmp_path / "own"
    own.mkdir()
    for path in tmp_path.glob("*.stale.*"):
        prefix, _, ending = path.name.partition(".")
        path.rename(own / f"{prefix}.{ending.partition('.stale.')[2]}")

    assert MigrationExecutor().rollback(server=staging, backup_dir=own).result is Result.ROLLED_BACK
    assert state(staging) == before


def test_documents_that_were_all_written_since_are_put_back_if_the_user_insists(
    staging: Server, production: Server, tmp_path: Path
) -> None:
    """As after a restart, months later: the other server stands for what has become of the first one."""
    MigrationExecutor().apply(planned(staging), server=staging, backup_dir=tmp_path)

    report = MigrationExecutor().rollback(server=production, backup_dir=tmp_path, force=True)

    assert report.result is Result.ROLLED_BACK
    assert [(note.kind, note.count) for note in report.notes] == [("updated since the run", COUNT)]
    keys = [("HGET", f"d:{row:02}", "v") for row in range(COUNT)]
    MigrationExecutor().rollback(server=staging, backup_dir=tmp_path)
    assert production.bulk(keys) == staging.bulk(keys)
    assert read_definition(production, "idx") == read_definition(staging, "idx")
