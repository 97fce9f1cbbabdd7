"""Resuming: what the report says is what happened over all attempts, and what came back is dealt with."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.backup import backup_file, backup_prefix
from fieldfare.definition.create import create_arguments
from fieldfare.engine.stop import StopRequest
from fieldfare.errors import BackupUnusable, FieldfareError, Interrupted, StepFailed
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result
from fieldfare.server import Server, connect
from fieldfare.server.inspect import list_indexes
from fieldfare.testing.fixtures import PrivateServer
from run_moments import At

COUNT, DIMS = 47, 8
FIELDS = ("v", "w")
PATCH = {
    "version": 1,
    "changes": {
        "update_fields": [{"name": name, "attrs": {"datatype": "float16"}} for name in FIELDS],
        "index": {"name": "new"},
    },
}
CREATE = (
    *("FT.CREATE", "old", "PREFIX", 1, "d:", "SCHEMA"),
    *("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    *("w", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
)


class Killed(BaseException):
    """The process ends here, as far as the run can tell."""


def die() -> None:
    raise Killed


def executor(*observers: At) -> MigrationExecutor:
    plugins = load_plugins()
    for number, observer in enumerate(observers):
        plugins.register(observer, f"observer{number}")
    return MigrationExecutor(plugins=plugins)


def prepare(server: Server) -> MigrationPlan:
    vectors = np.random.default_rng(2).standard_normal((COUNT, DIMS)).astype("<f4")
    server.bulk(
        [
            ("HSET", f"d:{row:02}", *(part for name in FIELDS for part in (name, vectors[row].tobytes())))
            for row in range(COUNT)
        ]
    )
    server.command(*CREATE)
    return MigrationPlanner().create_plan_from_patch("old", schema_patch=PATCH, server=server)


@pytest.fixture
def plan(server: Server) -> MigrationPlan:
    return prepare(server)


def test_report_counts_over_all_attempts(plan: MigrationPlan, server: Server, tmp_path: Path) -> None:
    vanish = At("drop:finished", lambda: server.command("DEL", *(f"d:{row:02}" for row in range(0, COUNT, 5))))
    for number in (1, 2, 4):
        with pytest.raises(Killed):
            executor(vanish, At("rewrite:progress", die, number=number)).apply(
                plan, server=server, backup_dir=tmp_path, batch_size=5
            )
    report = executor().apply(plan, server=server, backup_dir=tmp_path, batch_size=50)
    gone = len(range(0, COUNT, 5))
    assert [(note.kind, note.count) for note in report.notes] == [("vanished", gone)]
    rewritten = [step for name, step in report.steps.items() if name.startswith("quantize.convert")]
    assert [(step["documents"], step["completed_batches"]) for step in rewritten] == [(COUNT - gone, 10)] * 2


def test_index_that_came_back_is_dropped_again(plan: MigrationPlan, server: Server, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        executor(At("rewrite:progress", die)).apply(plan, server=server, backup_dir=tmp_path, batch_size=5)
    server.command(*CREATE)  # a replica took over that had not heard of the drop
    report = executor().apply(plan, server=server, backup_dir=tmp_path)
    assert report.result is Result.SUCCEEDED
    assert list_indexes(server) == ["new"]


def test_other_index_under_the_name_is_left_alone(plan: MigrationPlan, server: Server, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        executor(At("drop:started", die)).apply(plan, server=server, backup_dir=tmp_path)
    server.command("FT.DROPINDEX", "old")
    server.command("FT.CREATE", "old", "PREFIX", 1, "x:", "SCHEMA", "a", "TAG")
    with pytest.raises(StepFailed, match="so it was not dropped") as failed:
        executor().apply(plan, server=server, backup_dir=tmp_path)
    assert failed.value.state == "the source index may be dropped, no document was changed"
    assert list_indexes(server) == ["old"]


def test_synonyms_that_a_crash_left_out_are_added(server: Server, tmp_path: Path) -> None:
    prepare(server)
    for group in ("one", "two"):
        server.command("FT.SYNUPDATE", "old", group, "a", group)
    plan = MigrationPlanner().create_plan_from_patch("old", schema_patch=PATCH, server=server)
    with pytest.raises(Killed):
        executor(At("create:started", die)).apply(plan, server=server, backup_dir=tmp_path)
    server.command(*create_arguments(plan.target))
    server.command("FT.SYNUPDATE", "new", "one", "SKIPINITIALSCAN", "a", "one")
    assert executor().apply(plan, server=server, backup_dir=tmp_path).result is Result.SUCCEEDED


STOPS = [
    ("enumerate", "nothing was changed", None),
    ("dump", "nothing was changed", None),
    ("drop", "the source index is dropped, no document was changed", "rollback"),
    ("rewrite", "the source index is dropped, some documents are rewritten", "rollback"),
    ("index", "the target index may be there, incomplete, all documents are rewritten", "rollback"),
]


@pytest.mark.parametrize(("activity", "state", "back"), STOPS)
def test_ctrl_c_says_how_things_stand(  # noqa: PLR0913, PLR0917 - a case and its fixtures
    activity: str, state: str, back: str | None, plan: MigrationPlan, server: Server, tmp_path: Path
) -> None:
    stop = StopRequest()
    with pytest.raises(Interrupted) as stopped:
        executor(At(f"{activity}:started", stop.set)).apply(
            plan, server=server, backup_dir=tmp_path, batch_size=5, stop=stop
        )
    assert stopped.value.exit_code == 130
    assert state in str(stopped.value).lower()
    assert (stopped.value.rollback is None) == (back is None)
    assert executor().apply(plan, server=server, backup_dir=tmp_path).result is Result.SUCCEEDED


def test_disk_that_fails_does_not_hide_why(plan: MigrationPlan, server: Server, tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    with pytest.raises(StepFailed, match="No such file") as failed:
        executor(At("drop:finished", lambda: backup.rename(tmp_path / "away"))).apply(
            plan, server=server, backup_dir=backup
        )
    assert failed.value.resume
    shutil.move(tmp_path / "away", backup)
    assert executor().apply(plan, server=server, backup_dir=backup).result is Result.SUCCEEDED


@pytest.mark.parametrize("moment", ["dump:started", "rewrite:progress", "create:started"])
def test_server_that_dies_is_told_and_resumed(moment: str, private_server: PrivateServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    options: dict[str, Any] = {"directory": data}
    first = private_server(["--appendonly", "yes", "--appendfsync", "always"], **options)
    with connect(first.url) as server:
        plan = prepare(server)

        def kill() -> None:
            assert first.pid is not None
            os.kill(first.pid, signal.SIGKILL)

        with pytest.raises(FieldfareError, match=r"(?i)connect|clos|reset|socket|broken pipe") as failed:
            executor(At(moment, kill)).apply(
                plan, server=server, backup_dir=tmp_path / "backup", batch_size=5, retry_for=0
            )
    assert "broken: " not in str(failed.value), "the plugin is not to blame"
    assert failed.value.exit_code == (1 if moment == "dump:started" else 3)
    second = private_server(["--appendonly", "yes"], **options)
    with connect(second.url) as server:
        server.command("DEL", "fieldfare:lock:old")  # it goes by itself, 30 seconds after a holder that lives on
        report = executor().apply(plan, server=server, backup_dir=tmp_path / "backup")
        assert report.result is Result.SUCCEEDED


def test_status_of_one_migration_reads_neither_documents_nor_other_journals(
    plan: MigrationPlan, server: Server, tmp_path: Path
) -> None:
    executor().apply(plan, server=server, backup_dir=tmp_path)
    for ending in ("keys", "data"):
        path = backup_file(backup_prefix(tmp_path, "old"), ending)
        path.unlink()
        path.mkdir()  # cannot be read
    damaged = json.dumps({"format": 1, "index_name": "other", "plan": {}})
    backup_file(backup_prefix(tmp_path, "other"), "header").write_text(damaged)
    for name in ("old", "new"):
        assert [each["phase"] for each in executor().status(tmp_path, name)] == ["validated"]
    with pytest.raises(BackupUnusable, match="no backup of index 'third'; backups there: 'old', 'other'"):
        executor().status(tmp_path, "third")
    with pytest.raises(BackupUnusable, match="checksum"):
        executor().status(tmp_path)
