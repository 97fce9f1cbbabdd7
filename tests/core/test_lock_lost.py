"""A run whose lock is gone, or taken by another migration, stops before its next write."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.errors import FieldfareError, LockLost, RollbackFailed, StepFailed
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result, StepReport
from fieldfare.server import Server
from fieldfare.testing.digest import database_digest, index_state

COUNT, BATCH = 200, 10
LOCK = "fieldfare:lock:i"
OTHER = json.dumps({"host": "elsewhere", "pid": 1, "started": "now"})
PATCH = {"version": 1, "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}}
BATCHES_UNDER_WAY = 4
"""When the lock is lost: one is done, one was sent already. With the next one the server is asked for the holder, and
its answer is read after one more was sent. All of them compare before they write."""


class Thief:
    """Takes, or deletes, the lock at a moment of a run."""

    def __init__(self, server: Server, moment: str, how: str) -> None:
        self.server, self.moment, self.how = server, moment, how

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:  # noqa: D102 - as the hook says
        if f"{report.activity}:{report.moment}" == self.moment and report.documents_done >= self.documents:
            self.moment = ""
            if self.how == "taken":
                self.server.command("SET", LOCK, OTHER)
            else:
                self.server.command("DEL", LOCK)

    @property
    def documents(self) -> int:
        """After how many documents."""
        return BATCH if self.moment.endswith("progress") else 0


def robbed(server: Server, moment: str, how: str) -> MigrationExecutor:
    plugins = load_plugins()
    plugins.register(Thief(server, moment, how), "thief")
    return MigrationExecutor(plugins=plugins)


@pytest.fixture
def plan(server: Server) -> MigrationPlan:
    server.bulk([("HSET", f"d:{row:03}", "v", struct.pack("<4f", row, 1, 2, 3)) for row in range(COUNT)])
    vector = ("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "L2")
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", *vector)
    return MigrationPlanner().create_plan_from_patch("i", schema_patch=PATCH, server=server)


def converted(server: Server) -> int:
    return server.bulk([("HSTRLEN", f"d:{row:03}", "v") for row in range(COUNT)]).count(8)


@pytest.mark.parametrize("how", ["taken", "deleted"])
def test_nothing_is_written_without_the_lock(how: str, plan: MigrationPlan, server: Server, tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="elsewhere" if how == "taken" else "no process") as caught:
        robbed(server, "rewrite:progress", how).apply(plan, server=server, backup_dir=tmp_path, batch_size=BATCH)
    assert isinstance(caught.value.__cause__, LockLost)
    assert BATCH <= converted(server) <= BATCHES_UNDER_WAY * BATCH
    assert (server.command("GET", LOCK) or b"").decode() == (OTHER if how == "taken" else "")
    server.command("DEL", LOCK)
    report = MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert report.result is Result.SUCCEEDED
    assert converted(server) == COUNT


@pytest.mark.parametrize("moment", ["dump:finished", "enumerate:started"])
def test_nothing_is_dropped_without_the_lock(moment: str, plan: MigrationPlan, server: Server, tmp_path: Path) -> None:
    before = database_digest(server), index_state(server)
    with pytest.raises(FieldfareError, match="was lost"):
        robbed(server, moment, "deleted").apply(plan, server=server, backup_dir=tmp_path, batch_size=BATCH)
    assert (database_digest(server), index_state(server)) == before


@pytest.mark.parametrize("how", ["taken", "deleted"])
def test_nothing_is_created_or_dropped_without_the_lock(
    how: str, plan: MigrationPlan, server: Server, tmp_path: Path
) -> None:
    """The target, which the pass was filling, may be one that another process has completed in the meantime."""
    before = index_state(server)
    with pytest.raises(StepFailed, match="was lost"):
        robbed(server, "rewrite:finished", how).apply(plan, server=server, backup_dir=tmp_path)
    assert list(index_state(server)) == (["i"] if server.capabilities.has_hsetex else [])
    server.command("DEL", LOCK)
    assert MigrationExecutor().rollback(server=server, backup_dir=tmp_path).result is Result.ROLLED_BACK
    assert index_state(server) == before


@pytest.mark.parametrize("how", ["taken", "deleted"])
def test_nothing_is_restored_without_the_lock(how: str, plan: MigrationPlan, server: Server, tmp_path: Path) -> None:
    MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path, batch_size=BATCH)
    with pytest.raises(RollbackFailed, match="was lost"):
        robbed(server, "restore:progress", how).rollback(server=server, backup_dir=tmp_path)
    assert COUNT - BATCHES_UNDER_WAY * BATCH <= converted(server) < COUNT
    server.command("DEL", LOCK)
    assert MigrationExecutor().rollback(server=server, backup_dir=tmp_path).result is Result.ROLLED_BACK
    assert converted(server) == 0
