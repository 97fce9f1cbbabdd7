"""Shards are given to workers that are no threads of this process: the bytes are those that one thread gives."""

from __future__ import annotations

import json
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from redis import Redis

from executors import PicklingPlugin
from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner, MigrationValidator
from fieldfare.backup import VectorBackup
from fieldfare.changes import Change, CustomChange
from fieldfare.documents import Batch
from fieldfare.engine.distribution.sizes import shard_ranges
from fieldfare.engine.distribution.task import ShardTask, Work
from fieldfare.engine.next_commands import NextCommands
from fieldfare.engine.stop import StopRequest
from fieldfare.engine.worker import run_task
from fieldfare.errors import BackupUnusable, Interrupted, LockHeld, PluginMissing, StepFailed, UsageError, WorkersUnfit
from fieldfare.hooks.live_index import LiveIndex
from fieldfare.hooks.manager import load_plugins
from fieldfare.hooks.run_options import RunOptions
from fieldfare.plan import Claim, MigrationPlan, Step
from fieldfare.report import MigrationReport, Moment, Result, StepReport
from fieldfare.server import Server
from fieldfare.server.lock import IndexLock
from fieldfare.testing.digest import database_digest, index_state
from run_moments import At

COUNT, DIMS, BATCH = 230, 8, 20  # 12 batches; 8 shards for 2 workers
RANDOM = np.random.default_rng(11)
FIRST = RANDOM.standard_normal((COUNT, DIMS)).astype("<f4")
SECOND = RANDOM.standard_normal((COUNT, DIMS)).astype("<f2")
CHANGES = {
    "update_fields": [
        {"name": "v", "attrs": {"datatype": "float16"}},
        {"name": "w", "attrs": {"datatype": "bfloat16"}},
    ]
}


@pytest.fixture
def loaded(server: Server) -> Server:
    server.bulk(
        [("HSET", f"d:{row:03}", "v", FIRST[row].tobytes(), "w", SECOND[row].tobytes()) for row in range(COUNT)]
    )
    server.command("HSET", "d:002", "v", "short")
    server.command(
        *("FT.CREATE", "old", "PREFIX", 1, "d:", "SCHEMA"),
        *("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
        *("w", "VECTOR", "FLAT", 6, "TYPE", "FLOAT16", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    return server


class Migrations:
    """Applies one plan, and rolls it back, with workers or with one thread."""

    def __init__(self, server: Server, directory: Path, *plugins: object, **options: Any) -> None:
        self.server, self.directory = server, directory
        self.workers = PicklingPlugin(**options)
        loaded = load_plugins()
        for number, each in enumerate([self.workers, *plugins]):
            loaded.register(each, f"test{number}", "1")
        self.executor = MigrationExecutor(plugins=loaded)
        self.plan = plan_for(server, loaded)

    def apply(self, executor: str | None = "pickle://", **options: Any) -> MigrationReport:
        """Apply the plan."""
        return self.executor.apply(
            self.plan, server=self.server, backup_dir=self.directory, batch_size=BATCH, executor=executor, **options
        )

    def rollback(self, executor: str | None = "pickle://") -> MigrationReport:
        """Roll back."""
        return self.executor.rollback(server=self.server, backup_dir=self.directory, executor=executor)

    @property
    def state(self) -> object:
        """All documents and the indexes."""
        return database_digest(self.server), index_state(self.server)

    @property
    def tasks(self) -> list[ShardTask]:
        """All tasks that workers got."""
        return [task for executor in self.workers.executors for task in executor.tasks]


def plan_for(server: Server, plugins: Any = None, changes: Any = None) -> MigrationPlan:
    return MigrationPlanner(plugins=plugins).create_plan_from_patch(
        "old", schema_patch={"version": 1, "changes": changes or CHANGES}, server=server
    )


def facts(report: MigrationReport) -> object:
    return (
        report.result,
        [(note.kind, note.field, note.count) for note in report.notes],
        {name: (step["documents"], step["completed_batches"]) for name, step in report.steps.items()},
        [(each.name, each.passed, each.data) for each in report.validation.findings],
    )


def test_bytes_and_report_are_those_of_one_thread(loaded: Server, tmp_path: Path) -> None:
    one, other = Migrations(loaded, tmp_path / "one"), Migrations(loaded, tmp_path / "other")
    before = one.state
    expected = one.apply(None, verify="full")
    migrated = one.state
    restored = one.rollback(None)
    assert one.state == before
    report = other.apply(verify="full")
    assert other.state == migrated
    assert facts(report) == facts(expected)
    assert facts(other.rollback()) == facts(restored)
    assert other.state == before
    works = [task.work for task in other.tasks]
    assert {work: works.count(work) for work in works} == {
        Work.DUMP: 8,
        Work.REWRITE: 8,
        Work.COMPARE_ALL: 8,
        Work.COMPARE: 8,
        Work.RESTORE: 8,
    }
    assert all(each.is_closed for each in other.workers.executors)
    keys = [key for batch, _ in VectorBackup.load(report.backup_prefix).iter_batches() for key in batch]
    assert len(keys) == COUNT


def write_in_between(server: Server) -> None:
    """What an application might write during a run."""
    for row in range(0, COUNT, 9):
        server.command("HSET", f"d:{row:03}", "v", np.full(DIMS, row, "<f4").tobytes())
    server.command("DEL", "d:050")
    # another original that becomes the same value: a rollback restores this one
    value = FIRST[101].copy()
    value[0] = np.nextafter(value[0], np.float32(9))
    server.command("HSET", "d:101", "v", value.tobytes())


def test_shadow_fields_are_those_that_one_thread_fills(loaded: Server, tmp_path: Path) -> None:
    writer = At("rewrite:started", lambda: write_in_between(loaded))
    one, other = Migrations(loaded, tmp_path / "one"), Migrations(loaded, tmp_path / "other", writer)
    for each in (one, other):
        each.plan = MigrationPlanner().create_plan_from_patch(
            "old", schema_patch={"version": 1, "changes": CHANGES}, server=loaded, mode="shadow"
        )
    write_in_between(loaded)
    before = one.state
    one.apply(None, switch=False)
    filled = one.state
    one.rollback(None)
    assert one.state == before
    loaded.command("HSET", "d:009", "v", b"\0" * 4 * DIMS)  # what the application overwrites during the run
    assert other.apply(switch=False).result is Result.SUCCEEDED
    assert other.state == filled != before
    works = [task.work for task in other.tasks]
    assert (works.count(Work.FILL), works.count(Work.COMPARE_SHADOWS)) == (8, 8)
    assert other.rollback().result is Result.ROLLED_BACK
    assert other.state == before


@pytest.mark.parametrize("mode", ["drop_recreate", "shadow"])
def test_workers_compare_documents_for_a_validation(mode: str, loaded: Server, tmp_path: Path) -> None:
    migrations = Migrations(loaded, tmp_path)
    patch = {"version": 1, "changes": CHANGES}
    planner = MigrationPlanner(plugins=migrations.executor.plugins)
    migrations.plan = planner.create_plan_from_patch("old", schema_patch=patch, server=loaded, mode=mode)
    migrations.apply()
    migrated = migrations.state
    validator = MigrationValidator(plugins=migrations.executor.plugins)

    def findings(executor: str | None) -> object:
        report = validator.validate(
            migrations.plan, server=loaded, backup_dir=tmp_path, verify="full", executor=executor
        )
        return [(each.name, each.passed, each.data) for each in report.validation.findings]

    assert findings("pickle://") == findings(None)
    work = Work.COMPARE if mode == "drop_recreate" else Work.COMPARE_SHADOWS
    done = migrations.workers.executors[-1].tasks
    assert ([task.work for task in done], migrations.workers.executors[-1].is_closed) == ([work] * 8, True)
    changed = "v" if mode == "drop_recreate" else "v__v2"
    right = loaded.command("HGET", "d:009", changed)
    loaded.command("HSET", "d:009", changed, FIRST[8].astype("<f2").tobytes())
    assert findings("pickle://") == findings(None)
    loaded.command("HSET", "d:009", changed, right)
    assert migrations.state == migrated
    with IndexLock(loaded, "old", backup_dir=""), pytest.raises(LockHeld):
        findings("pickle://")
    with pytest.raises(UsageError, match="give its directory"):
        validator.validate(migrations.plan, server=loaded, executor="pickle://")


def test_no_document_and_no_key_but_examples_travel(loaded: Server, tmp_path: Path) -> None:
    migrations = Migrations(loaded, tmp_path)
    value = loaded.command("HGET", "d:000", "v")
    migrations.apply()
    travelled = b"".join(each for executor in migrations.workers.executors for each in executor.travelled)
    assert value not in travelled
    assert b"d:002" in travelled, "the example of a note"
    assert b"d:100" not in travelled
    assert len(travelled) < 100_000


@pytest.mark.parametrize("executor", ["pickle://", None])
def test_concurrent_writes_are_converted_and_restored(executor: str | None, loaded: Server, tmp_path: Path) -> None:
    writer = At("drop:finished", lambda: write_in_between(loaded))
    migrations = Migrations(loaded, tmp_path, writer)
    original = loaded.command("HGET", "d:100", "v")
    report = migrations.apply(executor, verify="full")
    assert report.result is Result.SUCCEEDED
    assert loaded.command("HGET", "d:009", "v") == np.full(DIMS, 9, "<f2").tobytes()
    assert [(note.kind, note.count) for note in report.notes if note.kind != "wrong length"] == [
        ("vanished", 1),
        ("updated during the run", 27),
    ]
    loaded.command("HSET", "d:200", "v", b"\1" * 2 * DIMS)
    back = migrations.rollback(executor)
    assert loaded.command("HGET", "d:009", "v") == np.full(DIMS, 9, "<f4").tobytes()
    assert loaded.command("HGET", "d:100", "v") == original
    assert [(note.kind, note.count) for note in back.notes] == [("vanished", 1), ("updated since the run", 1)]


def test_update_that_converts_to_the_same_value_is_restored(loaded: Server, tmp_path: Path) -> None:
    migrations = Migrations(loaded, tmp_path, At("drop:finished", lambda: write_in_between(loaded)))
    migrations.apply()
    migrations.rollback()
    [new, *_] = np.frombuffer(loaded.command("HGET", "d:101", "v"), "<f4")
    assert new == np.nextafter(FIRST[101, 0], np.float32(9))
    assert new != FIRST[101, 0]


@pytest.mark.parametrize("activity", ["dump", "rewrite", "restore"])
def test_stopped_workers_stop_after_a_batch(activity: str, loaded: Server, tmp_path: Path) -> None:
    stop = StopRequest()
    migrations = Migrations(loaded, tmp_path, At(f"{activity}:progress", stop.set))
    before = migrations.state
    if activity == "restore":
        migrations.apply()
        with pytest.raises(Interrupted) as stopped:
            migrations.executor.rollback(server=loaded, backup_dir=tmp_path, executor="pickle://", stop=stop)
    else:
        with pytest.raises(Interrupted) as stopped:
            migrations.apply(stop=stop)
        [recorded] = migrations.executor.status(tmp_path)
        assert recorded["resume"] == f"fieldfare apply --plan PLAN --backup-dir {tmp_path} --executor pickle://"
        assert recorded["undo"].endswith("--index old --executor pickle://")
    assert "--executor pickle://" in str(stopped.value)
    if activity != "restore":
        assert migrations.apply().result is Result.SUCCEEDED
    assert migrations.rollback().result is Result.ROLLED_BACK
    assert migrations.state == before


@pytest.mark.parametrize("work", [Work.DUMP, Work.REWRITE, Work.COMPARE, Work.RESTORE])
def test_shard_of_a_worker_that_ends_is_done_by_another(work: Work, loaded: Server, tmp_path: Path) -> None:
    failures = 3

    def end(task: ShardTask) -> None:
        nonlocal failures
        if task.work is work and failures:
            failures -= 1
            raise BrokenExecutor("killed")

    migrations = Migrations(loaded, tmp_path, before=end)
    before = migrations.state
    report = migrations.apply()
    assert report.result is Result.SUCCEEDED
    assert migrations.rollback().result is Result.ROLLED_BACK
    assert migrations.state == before
    assert failures == 0
    files = {path.name for path in tmp_path.glob("*.shard-*")}
    assert len(files) == 8, "the files of attempts that others have overtaken are removed"


def test_shard_that_ends_every_worker_ends_the_run(loaded: Server, tmp_path: Path) -> None:
    is_broken = True

    def end(task: ShardTask) -> None:
        if task.work is Work.REWRITE and task.shard == 3 and is_broken:
            raise BrokenExecutor("killed")

    migrations = Migrations(loaded, tmp_path, before=end)
    before = migrations.state
    with pytest.raises(StepFailed, match=r"shard 3 was given out 4 times. The last time the worker ended: killed"):
        migrations.apply()
    is_broken = False
    assert migrations.apply().result is Result.SUCCEEDED
    migrations.rollback(None)
    assert migrations.state == before


def test_late_worker_of_an_earlier_round_changes_nothing(loaded: Server, tmp_path: Path) -> None:
    migrations = Migrations(loaded, tmp_path)
    before = migrations.state
    migrations.apply()
    [executor] = migrations.workers.executors
    late = [task for task in executor.tasks if task.work is Work.REWRITE]
    migrations.rollback()
    assert migrations.state == before
    outcomes = [run_task(task) for task in late]
    assert all(each.written == 0 and (each.is_stopped or each.error) for each in outcomes)
    assert migrations.state == before


def test_worker_whose_coordinator_is_gone_stops(loaded: Server, tmp_path: Path) -> None:
    def lose(task: ShardTask) -> None:
        if task.work is Work.REWRITE:
            loaded.command("DEL", "fieldfare:lock:old")

    migrations = Migrations(loaded, tmp_path, before=lose)
    with pytest.raises(StepFailed, match="lock"):
        migrations.apply()
    assert migrations.executor.rollback(server=loaded, backup_dir=tmp_path).result is Result.ROLLED_BACK


def test_limits_are_divided_among_workers(loaded: Server, tmp_path: Path) -> None:
    seen: list[Any] = []

    def look(task: ShardTask) -> None:
        if task.work is Work.REWRITE:
            seen.append(json.loads(loaded.command("GET", "fieldfare:work:old")))

    migrations = Migrations(loaded, tmp_path, before=look)
    report = migrations.apply(max_rate=400.0)
    assert report.timings.throttled_duration_seconds > 0
    assert {each["max_rate"] for each in seen} == {200.0}
    assert loaded.command("EXISTS", "fieldfare:work:old") == 0


def test_paused_workers_wait(loaded: Server, tmp_path: Path) -> None:
    pause = tmp_path / "pause"
    paused: list[StepReport] = []

    class Resume:
        @hookimpl
        def fieldfare_step_report(self, report: StepReport) -> None:
            if report.moment is Moment.STALLED:
                paused.append(report)
                pause.unlink()

    migrations = Migrations(loaded, tmp_path / "backup", Resume(), At("drop:finished", pause.touch))
    assert migrations.apply(pause_file=pause).result is Result.SUCCEEDED
    assert [each.activity for each in paused] == ["rewrite"]


class Here:
    """A plugin that only the coordinator has."""

    @hookimpl
    def fieldfare_classify(self, change: Change, live: LiveIndex) -> Claim | None:  # noqa: D102 - likewise
        del live
        return Claim.supported(rewrites_documents=True) if isinstance(change, CustomChange) else None

    @hookimpl
    def fieldfare_plan_steps(self, change: CustomChange) -> list[Step]:  # noqa: D102 - likewise
        return [Step.rewrite(kind=change.kind, fields=["t"], params={})]

    @hookimpl
    def fieldfare_transform(self, batch: Batch) -> Batch:  # noqa: D102 - likewise
        return batch


def test_worker_without_a_plugin_is_refused_before_anything_is_changed(loaded: Server, tmp_path: Path) -> None:
    migrations = Migrations(loaded, tmp_path, Here())
    before = migrations.state
    plan = plan_for(loaded, migrations.executor.plugins, {"custom": [{"kind": "acme.here"}]})
    with pytest.raises(PluginMissing, match=r"test1 1: thread \(process \d+ on .+\) has none"):
        migrations.executor.apply(plan, server=loaded, backup_dir=tmp_path, executor="pickle://")
    assert migrations.state == before
    assert not list(tmp_path.glob("*.header")), "not even a journal was begun"


def test_worker_with_another_server_is_refused(
    loaded: Server, tmp_path: Path, private_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrations = Migrations(loaded, tmp_path)
    monkeypatch.setenv("FIELDFARE_URL", private_server(tcp=True).url)
    with pytest.raises(WorkersUnfit, match="reaches another Redis server"):
        migrations.apply()


def test_worker_without_the_password_is_refused(
    private_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIELDFARE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)
    embedded = private_server(tcp=True, password="hunter2")  # noqa: S106 - nobody's
    url = f"redis://:hunter2@127.0.0.1:{embedded.port}"
    with Redis.from_url(url) as client:
        client.execute_command("FT.CREATE", "old", "SCHEMA", "t", "TEXT")
    plugins = load_plugins()
    workers = PicklingPlugin()
    plugins.register(workers, "workers", "1")
    changes = {"version": 1, "changes": {"add_fields": [{"name": "n", "type": "numeric"}]}}
    plan = MigrationPlanner(plugins=plugins).create_plan_from_patch("old", schema_patch=changes, redis_url=url)
    with pytest.raises(WorkersUnfit, match="the environment of this worker has no FIELDFARE_URL") as caught:
        MigrationExecutor(plugins=plugins).apply(plan, redis_url=url, backup_dir=tmp_path, executor="pickle://")
    assert "hunter2" not in str(caught.value)
    assert caught.value.exit_code == 4
    monkeypatch.setenv("FIELDFARE_URL", url)
    report = MigrationExecutor(plugins=plugins).apply(plan, redis_url=url, backup_dir=tmp_path, executor="pickle://")
    assert report.result is Result.SUCCEEDED
    assert b"hunter2" not in b"".join(each for executor in workers.executors for each in executor.travelled)


def test_worker_that_cannot_work_says_so(loaded: Server, tmp_path: Path) -> None:
    migrations = Migrations(loaded, tmp_path / "here")
    migrations.apply()
    task = next(each for each in migrations.tasks if each.work is Work.COMPARE)

    def outcome(**changes: Any) -> Any:
        return run_task(evolve(task, run=evolve(task.run, **changes))).error

    elsewhere = str(tmp_path / "elsewhere" / "migration_backup_old-00000000")
    assert isinstance(outcome(prefix=elsewhere), BackupUnusable)
    # a worker that came after the others were asked
    assert isinstance(outcome(version="0.0.9"), WorkersUnfit)
    assert isinstance(outcome(plugins=(("quantize", "0.0.9"),)), PluginMissing)
    others = outcome(sources=(("fieldfare", "0"), ("quantize", "0")))
    assert isinstance(others, WorkersUnfit)
    [problem] = others.problems
    assert "version of fieldfare, but other sources of it: the kernel, the plugin quantize" in problem


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"executor": "ray://there"}, "no plugin knows it"),
        ({"executor": "processes:0"}, "write processes:N"),
        ({"executor": "threads"}, "write threads:N"),
        ({"executor": "threads:2", "num_workers": 2}, "give one of them"),
    ],
)
def test_wrong_executor_is_a_usage_error(options: Any, message: str, loaded: Server, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        Migrations(loaded, tmp_path).apply(**options)


def test_threads_are_an_executor(loaded: Server, tmp_path: Path) -> None:
    migrations = Migrations(loaded, tmp_path)
    migrations.apply("threads:3")
    assert len(list(tmp_path.glob("*.shard-?.data"))) == 3
    assert not migrations.tasks


def test_shards_are_many_and_of_a_size() -> None:
    def sizes(batches: int, document_bytes: int, workers: int) -> tuple[int, int]:
        ranges = shard_ranges(batches, batch_size=500, document_bytes=document_bytes, workers=workers)
        assert [each.start for each in ranges[1:]] == [each.stop for each in ranges[:-1]]
        return len(ranges), len(ranges[0])

    assert sizes(12, 3072, 2) == (8, 1)
    assert sizes(3, 3072, 2) == (3, 1)
    assert sizes(2000, 3072, 2) == (46, 43), "a million documents of 768 float32: 64 MiB each"
    assert sizes(2_000_000, 3072, 100)[0] == 4096
    assert sizes(100, 0, 1)[0] == 4


def test_slow_shard_is_given_to_another_worker_too(
    loaded: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldfare.engine import round as round_module  # noqa: PLC0415 - what is patched

    monkeypatch.setattr(round_module, "SLOW", 0)
    held: list[ShardTask] = []

    def hold(task: ShardTask) -> None:
        if task.work is Work.REWRITE and task.shard == 5 and not held:
            held.append(task)
            deadline = time.monotonic() + 60
            while loaded.command("EXISTS", "fieldfare:work:old") and time.monotonic() < deadline:
                time.sleep(0.01)

    migrations = Migrations(loaded, tmp_path, before=hold, workers=3)
    assert migrations.apply().result is Result.SUCCEEDED
    assert held


def test_commands_that_continue_do_the_same(tmp_path: Path) -> None:
    def resume(**options: Any) -> str:
        commands = NextCommands.of_run("old", tmp_path, RunOptions(plan_path=Path("p.yaml"), **options))
        return commands.resume.removeprefix(f"fieldfare apply --plan p.yaml --backup-dir {tmp_path}")

    assert resume() == ""
    assert resume(workers=3, switch=False) == " --no-switch --workers 3"
    assert resume(allow=frozenset({"overflow"}), on_conflict="keep-old") == " --on-conflict keep-old --allow-overflow"
    masked = resume(executor="grid://joe:hunter2@there:1")
    assert "hunter2" not in masked
    assert "grid://joe:" in masked


def test_no_switch_is_not_forgotten_when_a_run_resumes(loaded: Server, tmp_path: Path) -> None:
    stop = StopRequest()
    migrations = Migrations(loaded, tmp_path, At("rewrite:progress", stop.set))
    changes = {"version": 1, "changes": CHANGES}
    planner = MigrationPlanner(plugins=migrations.executor.plugins)
    migrations.plan = planner.create_plan_from_patch("old", schema_patch=changes, server=loaded, mode="shadow")
    with pytest.raises(Interrupted) as stopped:
        migrations.apply(stop=stop, switch=False)
    assert stopped.value.resume.endswith(f"--backup-dir {tmp_path} --no-switch --executor pickle://")
    assert migrations.apply(switch=False).result is Result.SUCCEEDED
    assert "--no-switch" in migrations.executor.status(tmp_path)[0]["resume"]
    migrations.executor.switch(server=loaded, backup_dir=tmp_path)
    assert "--no-switch" not in migrations.executor.status(tmp_path)[0]["resume"]
