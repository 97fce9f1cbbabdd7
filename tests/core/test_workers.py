"""Several workers: killed anywhere, resumed by any number, the bytes are those that one worker gives."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner, load_migration_plan
from fieldfare.backup import VectorBackup
from fieldfare.changes import Change, CustomChange
from fieldfare.documents import Batch
from fieldfare.engine.stop import StopRequest
from fieldfare.errors import BackupCorrupt, BackupUnusable, Interrupted, StepFailed
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.hooks.manager import Plugins, load_plugins
from fieldfare.plan import Claim, MigrationPlan, Step
from fieldfare.report import MigrationReport, Moment, Result, StepReport
from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state
from torture import TORTURE, pairs

COUNT, DIMS, BATCH = 230, 8, 20  # 12 batches, the last one of 10; 3 for each of 4 workers
PATCH = """\
version: 1
changes:
  update_fields:
    - {name: v, attrs: {datatype: float16}}
    - {name: w, attrs: {datatype: bfloat16}}
  index: {name: new}
"""
APPLY = ("apply", "--plan", "plan.yaml", "--backup-dir", "backup", "--batch-size", str(BATCH), "--workers")
ROLLBACK = ("rollback", "--backup-dir", "backup", "--workers")

MOMENTS = [
    "enumerate:progress:7",
    "dump:progress:1",
    "dump:progress:11",
    "drop:started:1",
    "drop:finished:1",
    *(f"rewrite:progress:{number}" for number in (2, 5, 9, 13)),
    "create:started:1",
]
RESUMED, ROLLED_BACK = (MOMENTS, MOMENTS) if TORTURE else (MOMENTS[::2], MOMENTS[1::2])


@pytest.fixture
def loaded(server: Server) -> Server:
    """Documents with two vectors: one becomes narrower, the other keeps its width."""
    random = np.random.default_rng(11)
    first = random.standard_normal((COUNT, DIMS)).astype("<f4")
    second = random.standard_normal((COUNT, DIMS)).astype("<f2")
    server.bulk(
        [("HSET", f"d:{row:03}", "v", first[row].tobytes(), "w", second[row].tobytes()) for row in range(COUNT)]
    )
    server.command("PEXPIREAT", "d:000", 4102444800123)
    server.command("HDEL", "d:001", "v")
    server.command("HSET", "d:002", "v", "short")
    server.command(
        *("FT.CREATE", "old", "PREFIX", 1, "d:", "SCHEMA"),
        *("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
        *("w", "VECTOR", "FLAT", 6, "TYPE", "FLOAT16", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    return server


@pytest.fixture
def fieldfare(redis_url: str, loaded: Server, tmp_path: Path) -> CommandLine:
    del loaded
    (tmp_path / "patch.yaml").write_text(PATCH)
    command = CommandLine(redis_url, tmp_path)
    planned = command("plan", "--index", "old", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
    assert planned.code == 0, planned.stderr
    return command


def plan_for(server: Server) -> MigrationPlan:
    changes = {
        "update_fields": [
            {"name": "v", "attrs": {"datatype": "float16"}},
            {"name": "w", "attrs": {"datatype": "bfloat16"}},
        ]
    }
    return MigrationPlanner().create_plan_from_patch(
        "old", schema_patch={"version": 1, "changes": changes}, server=server
    )


def state(server: Server) -> object:
    return database_digest(server), index_state(server)


@pytest.fixture(scope="module")
def migrated() -> dict[str, object]:
    """What one worker makes of the documents; the same for every test, as the documents are."""
    return {}


def go_on(fieldfare: CommandLine, server: Server, workers: int) -> MigrationReport:
    directory = fieldfare.directory
    plan = load_migration_plan(directory / "plan.yaml")
    return MigrationExecutor().apply(
        plan, server=server, backup_dir=directory / "backup", batch_size=BATCH, num_workers=workers
    )


def take_back(fieldfare: CommandLine, server: Server, workers: int) -> None:
    MigrationExecutor().rollback(server=server, backup_dir=fieldfare.directory / "backup", num_workers=workers)


def by_one_worker(fieldfare: CommandLine, server: Server, migrated: dict[str, object]) -> object:
    if not migrated:
        assert go_on(fieldfare, server, 1).result is Result.SUCCEEDED
        endings = {path.suffix for path in (fieldfare.directory / "backup").glob("migration_backup_old-????????.*")}
        assert endings == {".header", ".keys", ".data", ".lock"}, "one worker needs neither shards nor a manifest"
        assert '"shards"' not in next(fieldfare.directory.glob("backup/*.header")).read_text()
        migrated["state"] = state(server)
        take_back(fieldfare, server, 1)
    return migrated["state"]


@pytest.mark.parametrize(("moment", "others"), pairs(RESUMED, (1, 2, 4)))
def test_killed_and_resumed_by_any_number(
    moment: str, others: int, fieldfare: CommandLine, loaded: Server, migrated: dict[str, object]
) -> None:
    before = state(loaded)
    expected = by_one_worker(fieldfare, loaded, migrated)
    assert state(loaded) == before
    assert fieldfare(*APPLY, "4", crash_at=moment).code == -signal.SIGKILL
    report = go_on(fieldfare, loaded, others)
    assert state(loaded) == expected
    assert [(note.kind, note.count) for note in report.notes] == [("wrong length", 1)]
    rewritten = [step for name, step in report.steps.items() if name.startswith("quantize.convert")]
    assert [step["completed_batches"] for step in rewritten] == [12, 12]
    take_back(fieldfare, loaded, others)
    assert state(loaded) == before


@pytest.mark.parametrize(("moment", "others"), pairs(ROLLED_BACK, (4, 1)))
def test_killed_and_taken_back(moment: str, others: int, fieldfare: CommandLine, loaded: Server) -> None:
    before = state(loaded)
    assert fieldfare(*APPLY, "4", crash_at=moment).code == -signal.SIGKILL
    take_back(fieldfare, loaded, others)
    assert state(loaded) == before


@pytest.mark.parametrize("moment", MOMENTS[3 :: 1 if TORTURE else 3])
def test_backup_alone_restores(moment: str, fieldfare: CommandLine, loaded: Server) -> None:
    documents = database_digest(loaded)
    assert fieldfare(*APPLY, "4", crash_at=moment).code == -signal.SIGKILL
    backup = VectorBackup.load(fieldfare.directory / "backup" / "migration_backup_old")
    assert backup.header["dump_completed_batches"] == 12
    for keys, originals in backup.iter_batches():
        for key in keys:
            for name, value in originals.get(key, {}).items():
                loaded.command("HSET", key, name, value)
    assert database_digest(loaded) == documents


@pytest.mark.parametrize("moment", ["restore:progress:5", "restore:finished:1"])
def test_killed_rollback_goes_on(moment: str, fieldfare: CommandLine, loaded: Server) -> None:
    before = state(loaded)
    for others in (1, 4):
        go_on(fieldfare, loaded, 4)
        assert fieldfare(*ROLLBACK, "4", crash_at=moment).code == -signal.SIGKILL
        take_back(fieldfare, loaded, others)
        assert state(loaded) == before


def test_manifest_says_who_has_what(fieldfare: CommandLine) -> None:
    assert fieldfare(*APPLY, "4").code == 0
    [path] = fieldfare.directory.glob("backup/*.manifest")
    assert [(shard["file"], shard["batches"], shard["keys"]) for shard in json.loads(path.read_bytes())["shards"]] == [
        ("shard-0.data", [0, 3], [0, 60]),
        ("shard-1.data", [3, 6], [60, 120]),
        ("shard-2.data", [6, 9], [120, 180]),
        ("shard-3.data", [9, 12], [180, 230]),
    ]
    status = json.loads(fieldfare("status", "--backup-dir", "backup", "--json").stdout)["migrations"][0]
    assert status["dump_completed_batches"] == 12
    assert json.loads(next(path.parent.glob("*.header")).read_bytes())["quantize_completed_batches"] == 12


def test_next_migration_sets_every_shard_aside(fieldfare: CommandLine, loaded: Server) -> None:
    documents = database_digest(loaded)
    for _ in range(2):
        go_on(fieldfare, loaded, 3)
        take_back(fieldfare, loaded, 1)
    directory = fieldfare.directory / "backup"
    [stale] = {path.name.partition(".stale")[0] + ".stale" for path in directory.glob("*.stale.*")}
    assert len(list(directory.glob(f"{stale}.shard-*.data"))) == 3
    restored = {key for keys, _ in VectorBackup.load(directory / stale).iter_batches() for key in keys}
    assert len(restored) == COUNT
    go_on(fieldfare, loaded, 1)
    assert not list(directory.glob("migration_backup_old-????????.shard-*"))
    take_back(fieldfare, loaded, 1)
    assert database_digest(loaded) == documents


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize("harm", [damage, cut, Path.unlink], ids=["flipped", "cut", "gone"])
@pytest.mark.parametrize("name", ["shard-2.data", "manifest"])
def test_damaged_shard_is_refused(
    harm: Callable[[Path], None], name: str, fieldfare: CommandLine, loaded: Server
) -> None:
    assert fieldfare(*APPLY, "4", crash_at="rewrite:progress:5").code == -signal.SIGKILL
    half = state(loaded)
    [path] = fieldfare.directory.glob(f"backup/*.{name}")
    whole = path.read_bytes()
    harm(path)
    for command in (APPLY, ROLLBACK):
        outcome = fieldfare(*command, "4")
        assert outcome.code == BackupCorrupt.exit_code
        assert "backup/migration_backup_old" in outcome.stderr
    assert state(loaded) == half
    path.write_bytes(whole)
    assert fieldfare(*APPLY, "2").code == 0


class Shout:
    """A step that puts a text in capitals, and remembers which threads did."""

    def __init__(self) -> None:
        self.threads: set[int] = set()

    @hookimpl
    def fieldfare_classify(self, change: Change, live: LiveIndex) -> Claim | None:  # noqa: D102 - as the hook says
        del live
        if isinstance(change, CustomChange):
            return Claim.supported(rewrites_documents=True)
        return None

    @hookimpl
    def fieldfare_plan_steps(self, change: CustomChange) -> list[Step]:  # noqa: D102 - likewise
        return [Step.rewrite(kind=change.kind, fields=["t"], params={})]

    @hookimpl
    def fieldfare_transform(self, batch: Batch) -> Batch:  # noqa: D102 - likewise
        self.threads.add(threading.get_ident())
        return batch.replace("t", [value and value.upper() for value in batch["t"]])


class Watch:
    """Does something at a moment of a run, and remembers what was reported."""

    def __init__(self, activity: str, number: int, act: Callable[[], object]) -> None:
        self.activity, self.number, self.act = activity, number, act
        self.seen: list[StepReport] = []

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:  # noqa: D102 - likewise
        if report.activity == self.activity:
            self.seen.append(report)
            if sum(each.moment is Moment.PROGRESS for each in self.seen) == self.number:
                self.act()


def plugins_with(*more: object) -> Plugins:
    plugins = load_plugins()
    for number, each in enumerate(more):
        plugins.register(each, f"test{number}", "1")
    return plugins


def test_custom_step_runs_in_several_threads(loaded: Server, tmp_path: Path) -> None:
    loaded.bulk([("HSET", f"d:{row:03}", "t", f"text {row}") for row in range(COUNT)])
    before = database_digest(loaded)
    shout, watch = Shout(), Watch("rewrite", 0, lambda: None)
    plugins = plugins_with(shout, watch)
    plan = MigrationPlanner(plugins=plugins).create_plan_from_patch(
        "old", schema_patch={"version": 1, "changes": {"custom": [{"kind": "acme.shout"}]}}, server=loaded
    )
    executor = MigrationExecutor(plugins=plugins)
    report = executor.apply(plan, server=loaded, backup_dir=tmp_path, batch_size=BATCH, num_workers=4)
    assert report.result is Result.SUCCEEDED
    assert loaded.command("HGET", "d:229", "t") == b"TEXT 229"
    assert threading.get_ident() in shout.threads, "the check of the last batches"
    assert len(shout.threads) > 1
    done = [each.documents_done for each in watch.seen]
    assert done == sorted(done), "one bar, that never goes back"
    assert done[-1] == COUNT
    assert executor.rollback(server=loaded, backup_dir=tmp_path, num_workers=3).result is Result.ROLLED_BACK
    assert database_digest(loaded) == before


@pytest.mark.parametrize("activity", ["dump", "rewrite"])
def test_stop_request_stops_all(activity: str, loaded: Server, tmp_path: Path) -> None:
    before, stop, plan = state(loaded), StopRequest(), plan_for(loaded)
    watch = Watch(activity, 3, stop.set)
    arguments: dict[str, Any] = {"server": loaded, "backup_dir": tmp_path, "batch_size": BATCH, "num_workers": 4}
    with pytest.raises(Interrupted):
        MigrationExecutor(plugins=plugins_with(watch)).apply(plan, stop=stop, **arguments)
    assert sum(each.moment is Moment.PROGRESS for each in watch.seen) < 12
    assert not [each for each in threading.enumerate() if each.name.startswith("fieldfare-worker")]
    assert MigrationExecutor().apply(plan, **{**arguments, "num_workers": 2}).result is Result.SUCCEEDED
    MigrationExecutor().rollback(server=loaded, backup_dir=tmp_path)
    assert state(loaded) == before


class Broken(Shout):
    """Fails on one document, once that document is to be written."""

    def __init__(self) -> None:
        super().__init__()
        self.visits = 0

    @hookimpl
    def fieldfare_transform(self, batch: Batch) -> Batch:  # noqa: D102 - likewise
        if b"d:110" in batch.keys:
            self.visits += 1
            if self.visits == 2:
                raise RuntimeError("no capitals left")
        return super().fieldfare_transform(batch)


def test_failure_of_one_worker_is_the_cause(loaded: Server, tmp_path: Path) -> None:
    loaded.bulk([("HSET", f"d:{row:03}", "t", f"text {row}") for row in range(COUNT)])
    before = state(loaded)
    plugins = plugins_with(Broken())
    plan = MigrationPlanner(plugins=plugins).create_plan_from_patch(
        "old", schema_patch={"version": 1, "changes": {"custom": [{"kind": "acme.shout"}]}}, server=loaded
    )
    executor = MigrationExecutor(plugins=plugins)
    arguments: dict[str, Any] = {"server": loaded, "backup_dir": tmp_path, "batch_size": BATCH}
    with pytest.raises(StepFailed, match=r"fieldfare_transform raised RuntimeError in test_workers\.py"):
        executor.apply(plan, num_workers=4, **arguments)
    report = executor.apply(plan, num_workers=4, **arguments)
    assert report.result is Result.SUCCEEDED
    assert [step["documents"] for step in report.steps.values() if step["completed_batches"]] == [COUNT]
    assert executor.rollback(server=loaded, backup_dir=tmp_path).result is Result.ROLLED_BACK
    assert state(loaded) == before


def test_what_others_wrote_is_kept_by_every_worker(loaded: Server, tmp_path: Path) -> None:
    plan = plan_for(loaded)
    MigrationExecutor().apply(plan, server=loaded, backup_dir=tmp_path, batch_size=BATCH, num_workers=4)
    changed = [b"d:%03d" % row for row in range(0, COUNT, 23)]
    for key in changed:
        loaded.command("HSET", key, "v", b"\x01" * 2 * DIMS)
    report = MigrationExecutor().rollback(server=loaded, backup_dir=tmp_path, num_workers=4)
    assert [(note.kind, note.count) for note in report.notes] == [("updated since the run", len(changed))]
    kept = VectorBackup.load(report.backup_prefix).iter_batches("superseded")
    assert sorted(key for keys, _ in kept for key in keys) == changed


def test_disk_that_refuses_one_shard_stops_before_the_drop(loaded: Server, tmp_path: Path) -> None:
    before, plan = state(loaded), plan_for(loaded)
    backup = tmp_path / "backup"

    def block() -> None:
        [prefix] = backup.glob("*.keys")
        os.mkdir(prefix.with_name(prefix.stem + ".shard-3.data"))  # noqa: PTH102 - a directory is in the way

    plugins = plugins_with(Watch("enumerate", 1, block))
    with pytest.raises(BackupUnusable, match="shard-3"):
        MigrationExecutor(plugins=plugins).apply(
            plan, server=loaded, backup_dir=backup, batch_size=BATCH, num_workers=4
        )
    assert state(loaded) == before


def test_more_workers_than_batches(loaded: Server, tmp_path: Path) -> None:
    report = MigrationExecutor().apply(
        plan_for(loaded), server=loaded, backup_dir=tmp_path, batch_size=100, num_workers=64
    )
    assert report.result is Result.SUCCEEDED
    assert len(list(tmp_path.glob("*.shard-*.data"))) == 3
