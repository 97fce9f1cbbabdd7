"""Rollback beside an application that went on: nothing that it wrote is lost without a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.backup import OVERWRITTEN, BackupStore, VectorBackup, backup_prefix
from fieldfare.documents import Batch, Column
from fieldfare.errors import RollbackFailed
from fieldfare.hooks.manager import load_plugins
from fieldfare.report import MigrationReport, Result, StepReport
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.faults import Fault, FaultContext
from fieldfare.testing.indexing import wait_until_indexed

COUNT, DIMS = 33, 8
VECTORS = np.random.default_rng(2).standard_normal((COUNT, DIMS)).astype("<f4")
PATCH = {
    "version": 1,
    "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}], "index": {"name": "new"}},
}


class Killed(BaseException):
    """The process ends here, as far as the run can tell."""


class Killer:
    """Ends a run at a moment, as SIGKILL does: nothing is saved any more."""

    def __init__(self, *moment: str, number: int = 1) -> None:
        self.moment = moment
        self.left = number

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:  # noqa: D102 - as the hook says
        if (report.activity, str(report.moment)) == self.moment:
            self.left -= 1
            if self.left == 0:
                raise Killed


def killed(*moment: str, number: int = 1) -> MigrationExecutor:
    plugins = load_plugins()
    plugins.register(Killer(*moment, number=number), "killer")
    return MigrationExecutor(plugins=plugins)


@pytest.fixture
def applied(server: Server, tmp_path: Path) -> Server:
    server.bulk([("HSET", f"d:{row:02}", "t", "old", "v", VECTORS[row].tobytes()) for row in range(COUNT)])
    server.command(
        *("FT.CREATE", "old", "PREFIX", 1, "d:", "SCHEMA", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    wait_until_indexed(server, "old")
    plan = MigrationPlanner().create_plan_from_patch("old", schema_patch=PATCH, server=server)
    MigrationExecutor().apply(plan, server=server, backup_dir=tmp_path, batch_size=10)
    return server


def notes(report: MigrationReport) -> dict[str, int]:
    return {note.kind: note.count for note in report.notes}


def go_on(server: Server) -> None:
    """Do what an application does between migration and rollback."""
    server.command("HSET", "d:03", "v", b"\x01" * 2 * DIMS)
    server.command("HSET", "d:04", "t", "new")
    server.command("DEL", "d:05")
    server.command("HSET", "d:new", "v", b"\x02" * 2 * DIMS)


def test_what_an_application_wrote_is_put_back_told_and_kept(applied: Server, tmp_path: Path) -> None:
    go_on(applied)

    report = MigrationExecutor().rollback(server=applied, backup_dir=tmp_path)

    assert report.result is Result.ROLLED_BACK
    assert notes(report) == {"updated since the run": 1, "vanished": 1}
    assert applied.command("HGET", "d:03", "v") == VECTORS[3].tobytes()
    assert applied.command("HGET", "d:04", "t") == b"new"
    assert applied.command("EXISTS", "d:05") == 0
    assert applied.command("HGET", "d:new", "v") == b"\x02" * 2 * DIMS
    kept = [originals for _, originals in VectorBackup.load(report.backup_prefix).iter_batches(OVERWRITTEN)]
    assert kept == [{b"d:03": {"v": b"\x01" * 2 * DIMS}}]
    failed = {finding.name for finding in report.validation.findings if not finding.passed}
    assert "indexing_failures" in failed, "the document that was added has a vector that the old index cannot take"
    assert {step["documents"] for step in report.steps.values()} == {0, COUNT - 1}
    assert 0 < report.timings.downtime_duration_seconds < report.timings.total_duration_seconds


def test_killed_rollback_counts_nothing_twice(applied: Server, tmp_path: Path) -> None:
    go_on(applied)
    with pytest.raises(Killed):
        killed("restore", "progress", number=2).rollback(server=applied, backup_dir=tmp_path)
    report = MigrationExecutor().rollback(server=applied, backup_dir=tmp_path)
    assert notes(report) == {"updated since the run": 1, "vanished": 1}
    kept = [originals for _, originals in VectorBackup.load(report.backup_prefix).iter_batches(OVERWRITTEN)]
    assert [key for originals in kept for key in originals] == [b"d:03"]


def test_value_that_was_kept_just_before_the_kill_is_told_once(applied: Server, tmp_path: Path) -> None:
    go_on(applied)
    with pytest.raises(Killed):
        killed("restore", "started").rollback(server=applied, backup_dir=tmp_path)
    value = b"\x01" * 2 * DIMS
    with BackupStore(backup_prefix(tmp_path, "old")) as store:  # as far as it came: the original was not sent yet
        store.append(OVERWRITTEN, Batch((b"d:03",), {"v": Column.of([value])}))
    with pytest.raises(Killed):
        killed("restore", "finished").rollback(server=applied, backup_dir=tmp_path)
    applied.command("HSET", "d:04", "v", value)
    applied.command("HSET", "d:03", "v", b"\x03" * 2 * DIMS)  # the application goes on
    report = MigrationExecutor().rollback(server=applied, backup_dir=tmp_path)
    assert notes(report) == {"updated since the run": 3, "vanished": 1}
    kept = [originals for _, originals in VectorBackup.load(report.backup_prefix).iter_batches(OVERWRITTEN)]
    found = [(key, fields["v"]) for originals in kept for key, fields in originals.items()]
    assert sorted(found) == [(b"d:03", value), (b"d:03", b"\x03" * 2 * DIMS), (b"d:04", value)]


def test_rest_of_a_frame_does_not_stop_the_next_rollback(applied: Server, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        killed("restore", "progress").rollback(server=applied, backup_dir=tmp_path)
    [data] = tmp_path.glob("*.data")
    with data.open("ab") as file:
        file.write(b"\x00\x01\x02")  # killed while it wrote what it had found
    assert MigrationExecutor().rollback(server=applied, backup_dir=tmp_path).result is Result.ROLLED_BACK


@pytest.mark.parametrize("name", ["old", "new"])
def test_index_in_the_way_is_named_with_the_way_out(name: str, applied: Server, tmp_path: Path) -> None:
    if name == "new":
        applied.command("FT.DROPINDEX", "new")
    applied.command("FT.CREATE", name, "PREFIX", 1, "x:", "SCHEMA", "a", "TAG")
    with pytest.raises(RollbackFailed, match=f"'{name}'.*(was taken by another index|--force)") as caught:
        MigrationExecutor().rollback(server=applied, backup_dir=tmp_path)
    assert "Run 'fieldfare plan' again" not in str(caught.value)
    if name == "old":
        applied.command("FT.DROPINDEX", "old")
    report = MigrationExecutor().rollback(server=applied, backup_dir=tmp_path, force=True)
    assert report.result is Result.ROLLED_BACK
    assert read_definition(applied, "old").name == "old"


def test_stale_plan_does_not_take_the_way_back_away(applied: Server, tmp_path: Path) -> None:
    plan: Any = MigrationPlanner().create_plan_from_patch(
        "new", schema_patch={"version": 1, "changes": {"index": {"name": "newer"}}}, server=applied
    )
    report = MigrationExecutor().apply(plan, server=applied, backup_dir=tmp_path)
    assert report.result is Result.SUCCEEDED
    assert MigrationExecutor().rollback(server=applied, backup_dir=tmp_path, index="new").result is Result.ROLLED_BACK
    # a plan for the same index that does not fit any more
    stale = MigrationPlanner().create_plan_from_patch(
        "new", schema_patch={"version": 1, "changes": {"index": {"name": "other"}}}, server=applied
    )
    MigrationExecutor().apply(plan, server=applied, backup_dir=tmp_path)
    with pytest.raises(Exception, match="'new'"):
        MigrationExecutor().apply(stale, server=applied, backup_dir=tmp_path)
    assert MigrationExecutor().rollback(server=applied, backup_dir=tmp_path, index="new").result is Result.ROLLED_BACK


@pytest.mark.parametrize("point", ["restore:file.append:after", "restore:file.sync:after", "restore:server.send:after"])
def test_a_kill_right_after_a_newer_value_was_saved_is_told_in_the_end(
    point: str, applied: Server, redis_url: str, tmp_path: Path
) -> None:
    go_on(applied)
    command = CommandLine(redis_url, tmp_path)
    fault = Fault.parse(f"{point}:1=kill"), FaultContext(redis_url, tmp_path)
    assert command("rollback", "--backup-dir", ".", "--yes", fault=fault).code == -9
    report = MigrationExecutor().rollback(server=applied, backup_dir=tmp_path)
    assert notes(report) == {"updated since the run": 1, "vanished": 1}
    assert applied.command("HGET", "d:03", "v") == VECTORS[3].tobytes()


def test_a_rollback_that_was_killed_before_its_report_tells_what_it_overwrote(
    applied: Server, redis_url: str, tmp_path: Path
) -> None:
    applied.command("HSET", "d:03", "v", b"\x01" * 2 * DIMS)
    assert MigrationExecutor().rollback(server=applied, backup_dir=tmp_path).result is Result.ROLLED_BACK
    again = CommandLine(redis_url, tmp_path)("rollback", "--backup-dir", ".", "--yes")
    assert again.code == 0, again.stderr
    assert "updated since the run in v, 1 document" in again.stdout
