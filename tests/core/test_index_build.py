"""A wait for an index ends: when the server gives up building it, and when nothing moves for long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.definition.info import Info, parse_info
from fieldfare.definition.reply import mapping, text
from fieldfare.engine import index as engine_index
from fieldfare.errors import StepFailed, UnsupportedServer
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.report import Moment, Result, StepReport
from fieldfare.server import Server, inspect
from fieldfare.testing.digest import read_state
from fieldfare.testing.indexing import wait_until_indexed

OUT_OF_MEMORY = "Used memory is more than 80 percent of max memory, cancelling the scan"

GAVE_UP = {
    "indexing": 0,
    "percent_indexed": "1",
    "Index Errors": [
        *(b"indexing failures", 1, b"last indexing error", OUT_OF_MEMORY.encode()),
        *(b"last indexing error key", b"d:7", b"background indexing status", b"OOM failure"),
    ],
}
"""What a search module says that stops for lack of memory; that of the extra ``embedded`` never stops."""

STUCK = {"indexing": 1, "percent_indexed": "0.99"}


class Reports:
    """Keeps all step reports."""

    def __init__(self) -> None:
        self.all: list[StepReport] = []

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:  # noqa: D102 - as the hook says
        self.all.append(report)


@pytest.fixture
def plan(server: Server) -> MigrationPlan:
    """Give a plan for an index of 20 documents."""
    server.command("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA", "n", "NUMERIC")
    server.bulk([("HSET", f"d:{row}", "n", row) for row in range(20)])
    wait_until_indexed(server, "idx")
    changes = {"update_fields": [{"name": "n", "attrs": {"sortable": True}}]}
    return MigrationPlanner().create_plan_from_patch(
        "idx", schema_patch={"version": 1, "changes": changes}, server=server
    )


def says(monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any], *, trial: bool = False) -> None:
    """Let FT.INFO of the target (which alone is SORTABLE) say this; a trial index has another name."""

    def read(reply: Any) -> Info:
        info = parse_info(reply)
        [field] = info.definition.fields
        name = text(mapping(reply)["index_name"])
        if field.attrs.get("sortable") and name.startswith("fieldfare:") == trial:
            return parse_info({**mapping(reply), **facts})
        return info

    monkeypatch.setattr(inspect, "parse_info", read)


def creations(server: Server) -> int:
    """How often FT.CREATE was called with success."""
    lines = server.command("INFO", "commandstats").decode().splitlines()
    calls = [line for line in lines if line.lower().startswith("cmdstat_ft.create:calls=")]
    facts = dict(each.split("=") for each in calls[0].partition(":")[2].split(","))
    return int(facts["calls"]) - int(facts["failed_calls"])


def test_an_index_that_the_server_gives_up_ends_the_wait(
    server: Server, plan: MigrationPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_state(server)
    says(monkeypatch, GAVE_UP)
    with pytest.raises(StepFailed, match=OUT_OF_MEMORY) as failed:
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert "maxmemory" in str(failed.value)
    assert failed.value.exit_code == 3

    monkeypatch.undo()
    assert MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path).result is Result.SUCCEEDED
    assert MigrationExecutor().rollback(server=server, backup_dir=tmp_path).validation.passed
    assert read_state(server) == before


def test_resuming_builds_such_an_index_anew(
    server: Server, plan: MigrationPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, GAVE_UP)
    for _ in range(2):
        with pytest.raises(StepFailed, match=OUT_OF_MEMORY):
            MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
        before = creations(server)
    with pytest.raises(StepFailed, match=OUT_OF_MEMORY):
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert creations(server) == before + 1


def test_a_trial_index_that_the_server_gives_up_changes_nothing(
    server: Server, plan: MigrationPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_state(server)
    says(monkeypatch, GAVE_UP, trial=True)
    with pytest.raises(UnsupportedServer, match=f"{OUT_OF_MEMORY}. Nothing was changed"):
        MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path)
    assert read_state(server) == before


def test_progress_that_stands_still_is_reported_and_ends_the_wait(
    server: Server, plan: MigrationPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(monkeypatch, STUCK)
    monkeypatch.setattr(engine_index, "STALL_SECONDS", 0.0)
    plugins, reports, told = load_plugins(), Reports(), []
    plugins.register(reports, "observer")
    with pytest.raises(StepFailed, match=r"no progress for .* 'idx' has 20 documents and is 99% indexed"):
        MigrationExecutor(plugins=plugins).apply(
            plan,
            server=server,
            backup_dir=tmp_path,
            stall_timeout=0.2,
            progress_callback=lambda step, detail: told.append((step, detail)),
        )
    stalled = next(each for each in reports.all if each.moment is Moment.STALLED and each.activity == "index")
    assert "is 99% indexed" in (stalled.error or "")
    assert ("index", stalled.error) in told

    monkeypatch.undo()
    assert MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path).result is Result.SUCCEEDED


def test_errors_of_documents_are_no_failure_of_the_build_and_are_not_quoted(server: Server) -> None:
    server.command("FT.CREATE", "idx", "PREFIX", 1, "d:", "SCHEMA", "n", "NUMERIC")
    server.command("HSET", "d:1", "n", "secret")
    wait_until_indexed(server, "idx")
    info = inspect.read_info(server, "idx")
    assert info.stats.hash_indexing_failures == 1
    assert info.build_failure == ""
