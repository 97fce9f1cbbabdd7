"""Observers are told when a run starts, how it ends, and how far ``sync --watch`` is behind."""

from __future__ import annotations

import struct
import threading
from pathlib import Path

import pytest

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.engine.stop import StopRequest
from fieldfare.errors import Interrupted, StepFailed
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.report import Moment, RunReport, StepReport
from fieldfare.server import Server, connect
from fieldfare.testing.indexing import wait_until_indexed

COUNT = 300
PATCH = {"version": 1, "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}}


class Watcher:
    """Keeps the reports of runs, and may fail or stop a run."""

    def __init__(self) -> None:
        self.reports: list[RunReport] = []
        self.activities: list[StepReport] = []
        self.stop = StopRequest()
        self.stops_at = ""
        self.seen_lag = threading.Event()

    @hookimpl
    def fieldfare_run_report(self, report: RunReport) -> None:
        """Keep it."""
        self.reports.append(report)
        if report.lag_keys:
            self.seen_lag.set()
        raise ValueError

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:
        """Keep it."""
        self.activities.append(report)
        if report.activity == self.stops_at:
            self.stop.set()


@pytest.fixture
def watcher() -> Watcher:
    return Watcher()


@pytest.fixture
def plugins(watcher: Watcher) -> Plugins:
    loaded = load_plugins()
    loaded.register(watcher, "watcher")
    return loaded


@pytest.fixture
def documents(server: Server) -> None:
    server.bulk([("HSET", f"d:{row:03}", "v", vector(row)) for row in range(COUNT)])
    attributes = ("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", 4, "DISTANCE_METRIC", "COSINE")
    server.command("FT.CREATE", "i", "PREFIX", 1, "d:", "SCHEMA", *attributes)
    wait_until_indexed(server, "i")


def vector(row: float) -> bytes:
    return struct.pack("<4f", row, 1, 2, 3)


@pytest.mark.usefixtures("documents")
def test_a_run_that_waits_says_for_how_long(server: Server, plugins: Plugins, watcher: Watcher, tmp_path: Path) -> None:
    plan = MigrationPlanner(plugins=plugins, accept_recall_loss=True).create_plan_from_patch(
        "i", schema_patch=PATCH, server=server
    )
    executor = MigrationExecutor(plugins=plugins)
    executor.apply(plan, server=server, backup_dir=tmp_path, batch_size=100, max_rate=900)
    executor.apply(plan, server=server, backup_dir=tmp_path)  # nothing to do
    first, last = watcher.reports
    assert (first.command, first.moment, first.index, first.mode) == ("apply", Moment.STARTED, "i", "drop_recreate")
    assert (last.moment, last.error, last.plan_fingerprint) == (Moment.FINISHED, None, first.plan_fingerprint)
    assert 0 < last.throttled_seconds < last.seconds
    assert 0 < last.unavailable_seconds < last.seconds
    assert watcher.activities[0].throttled_seconds == 0
    assert 0 < watcher.activities[-1].throttled_seconds <= last.throttled_seconds


@pytest.mark.usefixtures("documents")
def test_an_interrupted_run_has_failed(server: Server, plugins: Plugins, watcher: Watcher, tmp_path: Path) -> None:
    plan = MigrationPlanner(plugins=plugins, accept_recall_loss=True).create_plan_from_patch(
        "i", schema_patch=PATCH, server=server
    )
    executor = MigrationExecutor(plugins=plugins)
    watcher.stops_at = "rewrite"
    with pytest.raises(Interrupted):
        executor.apply(plan, server=server, backup_dir=tmp_path, stop=watcher.stop)
    executor.rollback(server=server, backup_dir=tmp_path)
    assert [(each.command, each.moment, each.error) for each in watcher.reports] == [
        *(("apply", Moment.STARTED, None), ("apply", Moment.FAILED, "Interrupted")),
        *(("rollback", Moment.STARTED, None), ("rollback", Moment.FINISHED, None)),
    ]


@pytest.mark.usefixtures("documents")
def test_a_failed_run_names_the_class_of_its_error(server: Server, watcher: Watcher, tmp_path: Path) -> None:
    class Refuses:
        @hookimpl
        def fieldfare_validate(self) -> None:
            message = "the value of a document"
            raise OSError(message)

    plugins = load_plugins()
    plugins.register(watcher, "watcher")
    plan = MigrationPlanner(plugins=plugins, accept_recall_loss=True).create_plan_from_patch(
        "i", schema_patch=PATCH, server=server
    )
    plugins.register(Refuses(), "refuses")
    with pytest.raises(StepFailed):
        MigrationExecutor(plugins=plugins).apply(plan, server=server, backup_dir=tmp_path, retry_for=0)
    assert watcher.reports[-1].error == "StepFailed"


@pytest.mark.usefixtures("documents")
def test_a_watch_tells_how_far_it_is_behind(
    server: Server, redis_url: str, plugins: Plugins, watcher: Watcher, tmp_path: Path
) -> None:
    patch = {**PATCH, "mode": "shadow"}
    plan = MigrationPlanner(plugins=plugins, accept_recall_loss=True).create_plan_from_patch(
        "i", schema_patch=patch, server=server
    )
    executor, stop = MigrationExecutor(plugins=plugins), StopRequest()
    executor.apply(plan, server=server, backup_dir=tmp_path)
    watcher.reports.clear()
    with connect(redis_url) as other:
        thread = threading.Thread(
            target=lambda: executor.sync(server=other, backup_dir=tmp_path, watch=True, stop=stop)
        )
        thread.start()
        row = 0
        while not watcher.seen_lag.wait(0.01):
            row += 1
            server.command("HSET", f"d:{row % COUNT:03}", "v", vector(row))
        stop.set()
        thread.join()
    assert [each.moment for each in (watcher.reports[0], watcher.reports[-1])] == [Moment.STARTED, Moment.FINISHED]
    [lag] = {each.lag_keys is not None for each in watcher.reports[1:-1]}
    assert lag
    assert {each.command for each in watcher.reports} == {"sync"}
    executor.finalize(server=server, backup_dir=tmp_path, force=True)
    assert watcher.reports[-1].command == "finalize"
