"""A run goes neither on nor back on a server that it was not begun on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.errors import WrongServer
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result, StepReport
from fieldfare.server import Server, connect
from fieldfare.server.inspect import list_indexes
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.fixtures import PrivateServer

COUNT, DIMS = 40, 8
PATCHES = {
    "converted": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]},
    "moved": {"index": {"name": "new", "prefix": "e:"}},
}


class Killed(BaseException):
    """The process ends here, as far as the run can tell."""


class Killer:
    """Ends a run at the moment at which an activity has begun, or is through."""

    def __init__(self, activity: str, moment: str) -> None:
        self.moment = (activity, moment)

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:  # noqa: D102 - as the hook says
        if (report.activity, str(report.moment)) == self.moment:
            raise Killed


@pytest.fixture
def other(private_server: PrivateServer) -> Iterator[Server]:
    """A server that knows nothing of the run, but holds something."""
    with connect(private_server().url) as other:
        other.command("SET", "d:of-somebody-else", "x")
        yield other


@pytest.fixture(params=PATCHES)
def plan(request: pytest.FixtureRequest, server: Server) -> MigrationPlan:
    vectors = np.random.default_rng(3).standard_normal((COUNT, DIMS)).astype("<f4")
    server.bulk([("HSET", f"d:{row}", "v", vectors[row].tobytes()) for row in range(COUNT)])
    server.command(
        *("FT.CREATE", "old", "PREFIX", 1, "d:", "SCHEMA"),
        *("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    patch = {"version": 1, "changes": PATCHES[request.param]}
    return MigrationPlanner().create_plan_from_patch("old", schema_patch=patch, server=server)


def state(server: Server) -> object:
    return database_digest(server), index_state(server)


@pytest.mark.parametrize(("activity", "moment"), [("drop", "finished"), ("create", "started"), ("validate", "started")])
def test_an_unfinished_run(  # noqa: PLR0913, PLR0917 - a moment and its fixtures
    activity: str, moment: str, plan: MigrationPlan, server: Server, other: Server, tmp_path: Path
) -> None:
    plugins = load_plugins()
    plugins.register(Killer(activity, moment), "killer")
    with pytest.raises(Killed):
        MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path, batch_size=7)
    executor, untouched = MigrationExecutor(), state(other)
    with pytest.raises(WrongServer, match=f"{COUNT} documents, and none of them are on this server"):
        executor.apply(plan, server=other, backup_dir=tmp_path)
    with pytest.raises(WrongServer, match="Check --url"):
        executor.rollback(server=other, backup_dir=tmp_path)
    assert state(other) == untouched
    assert list_indexes(other) == []
    assert executor.apply(plan, server=server, backup_dir=tmp_path).result is Result.SUCCEEDED


def test_a_finished_run_is_taken_back_where_it_was_made(
    plan: MigrationPlan, server: Server, other: Server, tmp_path: Path
) -> None:
    before = state(server)
    executor, untouched = MigrationExecutor(), state(other)
    executor.apply(plan, server=server, backup_dir=tmp_path)
    with pytest.raises(WrongServer):
        executor.rollback(server=other, backup_dir=tmp_path)
    assert state(other) == untouched
    executor.rollback(server=server, backup_dir=tmp_path)
    assert state(server) == before


def test_an_index_whose_documents_are_lost_is_put_back_by_force(
    plan: MigrationPlan, server: Server, other: Server, tmp_path: Path
) -> None:
    executor = MigrationExecutor()
    executor.apply(plan, server=server, backup_dir=tmp_path)
    executor.rollback(server=other, backup_dir=tmp_path, force=True)
    assert list_indexes(other) == ["old"]
