"""Backups in a storage: on another machine, after kill -9, and while the storage fails."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from secrets import token_hex
from threading import Barrier, Timer
from time import sleep
from typing import Any, Final

import numpy as np
import pytest

from executors import PicklingPlugin
from fieldfare.api import MigrationExecutor, MigrationPlanner, MigrationValidator, load_migration_plan
from fieldfare.backup import REWRITE, VectorBackup, backup_prefix
from fieldfare.engine.distribution.task import Work
from fieldfare.engine.load import files
from fieldfare.engine.worker import describe_worker, greeting
from fieldfare.errors import (
    BackupCorrupt,
    BackupUnusable,
    FieldfareError,
    LockHeld,
    LockLost,
    PreconditionError,
    StepFailed,
)
from fieldfare.hooks.manager import load_plugins
from fieldfare.report import Result
from fieldfare.server import Server, connect
from fieldfare.server.lock import IndexLock
from fieldfare.storage import StoragePath, backup_location, claim_session
from fieldfare.support import fault_points
from fieldfare.testing.commandline import CommandLine, Outcome
from fieldfare.testing.digest import State, read_state
from fieldfare.testing.faults import Fault, FaultContext, count_points
from fieldfare.testing.fixtures import PrivateServer
from fieldfare.testing.indexing import wait_until_indexed
from s3_store import SECRET, S3Store, s3_store
from slow_storage import SlowFileSystem
from torture import TORTURE

COUNT: Final = 40
DIMS: Final = 4
BATCH: Final = 8
VECTORS: Final = np.random.default_rng(7).standard_normal((COUNT, DIMS)).astype("<f4")
PATCH: Final = "version: 1\nchanges:\n  update_fields:\n    - {name: embedding, attrs: {datatype: float16}}\n"


only_s3 = pytest.mark.parametrize("url", ["s3"], indirect=True)


@pytest.fixture(scope="module")
def store() -> Iterator[S3Store]:
    with s3_store() as store:
        yield store


@pytest.fixture
def environment(store: S3Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=["file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path, store: S3Store, environment: None) -> str:
    del environment
    return f"file://{tmp_path}/storage" if request.param == "file" else f"{store.url}/{tmp_path.name}"


@pytest.fixture
def articles(server: Server) -> State:
    """An index with documents, and the state of it all."""
    load(server)
    return read_state(server)


def load(server: Server) -> None:
    vector = ("VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE")
    server.command("FT.CREATE", "articles", "ON", "HASH", "PREFIX", 1, "doc:", "SCHEMA", "embedding", *vector)
    server.bulk([("HSET", f"doc:{row:02}", "embedding", VECTORS[row].tobytes()) for row in range(COUNT)])
    wait_until_indexed(server)


class Machines:
    """Two machines that share a server and a storage, and no disk."""

    def __init__(self, redis_url: str, directory: Path, url: str) -> None:
        self.redis_url, self.url = redis_url, url
        self.first, self.second = directory / "first", directory / "second"
        for each in (self.first, self.second):
            each.mkdir()
            (each / "patch.yaml").write_text(PATCH)
        planned = self.run(self.first, "plan", "--index", "articles", "--schema-patch", "patch.yaml")
        assert planned.code == 0, planned.stderr
        (self.second / "migration_plan.yaml").write_bytes((self.first / "migration_plan.yaml").read_bytes())

    def run(self, machine: Path, *arguments: str, fault: Fault | None = None) -> Outcome:
        """Run a command."""
        context = None if fault is None else (fault, FaultContext(self.redis_url, machine))
        outcome = CommandLine(self.redis_url, machine)(*arguments, fault=context)
        assert SECRET not in outcome.stdout + outcome.stderr
        return outcome

    def apply(self, machine: Path, fault: Fault | None = None) -> Outcome:
        """Apply or resume the plan."""
        return self.run(machine, "apply", *self.backup, "--batch-size", str(BATCH), fault=fault)

    def rollback(self, machine: Path, fault: Fault | None = None) -> Outcome:
        """Roll back."""
        return self.run(machine, "rollback", *self.backup, "--yes", fault=fault)

    @property
    def backup(self) -> tuple[str, str]:
        """The option that says where the backup is."""
        return "--backup-dir", self.url

    @property
    def plan(self) -> Any:
        """The plan."""
        return load_migration_plan(self.first / "migration_plan.yaml")


@pytest.fixture
def machines(articles: State, redis_url: str, tmp_path: Path, url: str) -> Machines:
    del articles
    return Machines(redis_url, tmp_path, url)


@pytest.mark.parametrize("url", ["file", *(["s3"] if TORTURE else [])], indirect=True)
def test_every_command_works_on_another_machine(machines: Machines, articles: State, server: Server) -> None:
    applied = machines.apply(machines.first)
    assert applied.code == 0, applied.stderr
    assert f"--backup-dir {machines.url}" in applied.stdout
    assert not list(machines.first.glob("*backup*"))
    assert server.command("HSTRLEN", "doc:00", "embedding") == 2 * DIMS

    backup = VectorBackup.load(f"{machines.url}/migration_backup_articles")
    saved = {key: fields["embedding"] for _, originals in backup.iter_batches() for key, fields in originals.items()}
    assert saved == {b"doc:%02d" % row: VECTORS[row].tobytes() for row in range(COUNT)}

    again = machines.apply(machines.second)
    assert (again.code, "nothing" in again.stdout.lower()) == (0, True), again
    status = machines.run(machines.second, "--json", "status", *machines.backup)
    [migration] = json.loads(status.stdout)["migrations"]
    assert migration["phase"] == "validated"
    assert migration["undo"] == f"fieldfare rollback --backup-dir {machines.url} --index articles"
    for command in (("validate",), ("validate", "--verify", "full"), ("list",), ("cleanup",)):
        done = machines.run(machines.second, *command, *machines.backup)
        assert done.code == 0, done.stderr

    back = machines.rollback(machines.second)
    assert back.code == 0, back.stderr
    assert read_state(server) == articles
    once_more = machines.apply(machines.first)
    assert once_more.code == 0, once_more.stderr
    assert machines.rollback(machines.second).code == 0
    assert read_state(server) == articles


@pytest.mark.parametrize("url", ["file", *(["s3"] if TORTURE else [])], indirect=True)
@pytest.mark.parametrize("changes", ["fields", "keys"])
def test_a_migration_without_an_outage(changes: str, machines: Machines, articles: State, server: Server) -> None:
    """Each command finds all that it needs in the storage, as on another machine."""
    patch = {
        "fields": {"update_fields": [{"name": "embedding", "attrs": {"datatype": "float16"}}]},
        "keys": {"index": {"prefix": "new:"}},
    }
    plan = MigrationPlanner().create_plan_from_patch(
        "articles", schema_patch={"version": 1, "changes": patch[changes]}, server=server, mode="shadow"
    )
    place, executor = machines.url, MigrationExecutor()
    executor.apply(plan, server=server, backup_dir=place, batch_size=BATCH, switch=False)
    server.command("HSET", "doc:01", "embedding", VECTORS[2].tobytes())
    executor.switch(server=server, backup_dir=place)
    assert executor.status(place)[0]["stage"] == "switched"
    server.command("HSET", "doc:03", "embedding", VECTORS[4].tobytes())
    with pytest.raises(PreconditionError, match=f"First run: fieldfare sync --backup-dir {place}"):
        executor.finalize(server=server, backup_dir=place)
    executor.sync(server=server, backup_dir=place)
    converted = ("new:03", "embedding") if changes == "keys" else ("doc:03", "embedding__v2")
    expected = VECTORS[4] if changes == "keys" else VECTORS[4].astype("<f2")
    assert server.command("HGET", *converted) == expected.tobytes()
    assert executor.finalize(server=server, backup_dir=place).result is Result.SUCCEEDED
    assert MigrationValidator().validate(plan, server=server, backup_dir=place, verify="full").validation.passed
    executor.rollback(server=server, backup_dir=place, restore_own_name=True)
    for row in (1, 3):
        assert server.command("HGET", f"doc:{row:02}", "embedding") == VECTORS[row + 1].tobytes()
        server.command("HSET", f"doc:{row:02}", "embedding", VECTORS[row].tobytes())
    wait_until_indexed(server)
    assert read_state(server) == articles


@pytest.mark.parametrize("url", ["file", *(["s3"] if TORTURE else [])], indirect=True)
def test_processes_share_the_storage(machines: Machines, articles: State, server: Server) -> None:
    """Another machine resumes with processes of its own, after the coordinator was killed while they wrote."""
    options = (*machines.backup, "--executor", "processes:2")
    apply = ("apply", *options, "--batch-size", str(BATCH))
    command = CommandLine(machines.redis_url, machines.first)
    assert command(*apply, crash_at="rewrite:progress:2").code == -signal.SIGKILL
    resumed = machines.run(machines.second, *apply)
    assert resumed.code == 0, resumed.stderr
    migrated = VECTORS.astype("<f2")
    assert [server.command("HGET", f"doc:{row:02}", "embedding") for row in range(COUNT)] == [
        each.tobytes() for each in migrated
    ]
    assert not [path for machine in (machines.first, machines.second) for path in machine.glob("*backup*")]
    again = machines.run(machines.second, "validate", *machines.backup, "--verify", "full")
    assert again.code == 0, again.stderr
    back = machines.run(machines.second, "rollback", *options, "--yes")
    assert back.code == 0, back.stderr
    assert read_state(server) == articles


def test_workers_that_stay_read_and_write_the_backup_of_the_current_run(
    machines: Machines, articles: State, server: Server
) -> None:
    """The second run has the same plan and another series of objects."""
    runs = 2 if machines.url.startswith("file") or TORTURE else 1  # one request takes long in S3
    workers, plugins = PicklingPlugin(), load_plugins()
    plugins.register(workers, "pickling", "1")
    executor, place = MigrationExecutor(plugins=plugins), machines.url
    for _ in range(runs):
        report = executor.apply(machines.plan, server=server, batch_size=BATCH, backup_dir=place, executor="pickle://")
        assert report.result is Result.SUCCEEDED
        assert server.command("HGET", "doc:39", "embedding") == VECTORS[39].astype("<f2").tobytes()
        executor.rollback(server=server, backup_dir=place, executor="pickle://")
        assert read_state(server) == articles
    assert {task.work for each in workers.executors for task in each.tasks} >= {Work.DUMP, Work.REWRITE, Work.RESTORE}


@pytest.fixture
def points(machines: Machines, server: Server, tmp_path: Path) -> dict[str, list[tuple[str, int]]]:
    """The points at which an undisturbed run and its rollback use the storage."""
    location = backup_location(f"file://{tmp_path}/undisturbed")
    found = {}
    with count_points() as run:
        MigrationExecutor().apply(machines.plan, server=server, backup_dir=location, batch_size=BATCH)
    with count_points() as back:
        MigrationExecutor().rollback(server=server, backup_dir=location)
    for name, counted in (("apply", run), ("rollback", back)):
        found[name] = [
            (point, hit + 1) for point, hits in sorted(counted.items()) if ":storage." in point for hit in range(hits)
        ]
    return found


@pytest.mark.parametrize(
    ("url", "command"),
    [("file", "apply"), ("file", "rollback"), ("s3", "apply"), *([("s3", "rollback")] if TORTURE else [])],
    indirect=["url"],
)
def test_killed_at_a_use_of_the_storage(
    command: str,
    machines: Machines,
    articles: State,
    server: Server,
    points: dict[str, list[tuple[str, int]]],
) -> None:
    """Another machine resumes, with nothing but the storage."""
    url = machines.url
    moments = points[command]
    assert len(moments) > 20
    few = 3 if url.startswith("file") else 1
    chosen = moments if TORTURE else moments[len(moments) // (2 * few) :: len(moments) // few]
    for number, (point, hit) in enumerate(chosen):
        machines.url = f"{url}/{command}/{number}"
        fault = Fault(point, hit, "kill")
        if command == "apply":
            killed = machines.apply(machines.first, fault)
        else:
            assert machines.apply(machines.first).code == 0
            killed = machines.rollback(machines.first, fault)
        assert killed.code == -9, (point, hit, killed)
        if command == "apply":
            resumed = machines.apply(machines.second)
            assert resumed.code == 0, (point, hit, resumed.stderr)
            assert server.command("HSTRLEN", "doc:00", "embedding") == 2 * DIMS
        back = machines.rollback(machines.second)
        assert back.code == 0, (point, hit, back.stderr)
        assert read_state(server) == articles, (point, hit)


@only_s3
def test_a_run_that_is_refused_leaves_the_files_of_the_other_one(machines: Machines, server: Server) -> None:
    location = backup_location("memory://refused")
    prefix = backup_prefix(location, "articles")
    with IndexLock(server, "articles", backup_dir=""):
        files.write(prefix, files.RUNNING, {"of": "the other one"})
        with pytest.raises(LockHeld):
            MigrationExecutor().apply(machines.plan, server=server, backup_dir=location)
        assert files.read(prefix, files.RUNNING) == {"of": "the other one"}


@only_s3
def test_processes_that_start_together_have_different_numbers_in_s3(machines: Machines) -> None:
    together = Barrier(4)

    def claim(_: int) -> int:
        prefix = backup_prefix(machines.url, "articles")
        assert isinstance(prefix, StoragePath)
        together.wait()
        return claim_session(prefix)

    with ThreadPoolExecutor(together.parties) as pool:
        assert len(set(pool.map(claim, range(together.parties)))) == together.parties


@pytest.mark.parametrize("url", ["file"], indirect=True)
def test_two_servers_with_the_same_place_for_backups(
    machines: Machines, articles: State, server: Server, private_server: PrivateServer
) -> None:
    """The second run begins before the first one has written its journal, and is slower: it changes nothing."""
    with connect(private_server().url) as other:
        load(other)
        before, sent = read_state(other), []

        def listen(point: str) -> None:
            if point == "open:server.send:before":
                sent.append(point)
            if len(sent) == 6:  # it has looked for a journal, and has not written one
                fault_points.listen(None)
                assert machines.apply(machines.first).code == 0

        fault_points.listen(listen)
        try:
            with pytest.raises(LockLost, match="another process wrote"):
                MigrationExecutor().apply(machines.plan, server=other, backup_dir=machines.url, batch_size=BATCH)
        finally:
            fault_points.listen(None)
        assert read_state(other) == before
    back = machines.rollback(machines.second)
    assert back.code == 0, back.stderr
    assert read_state(server) == articles


@only_s3
def test_a_run_that_loses_its_lock_while_it_starts_stops(machines: Machines, articles: State, server: Server) -> None:
    url = "memory://slow"

    def listen(point: str) -> None:
        filesystem, root = backup_location(url).storage.open()  # type: ignore[union-attr]
        if point == "open:storage.write:after" and filesystem.glob(f"{root}/*.session/*"):
            fault_points.listen(None)
            server.command("DEL", "fieldfare:lock:articles")

    fault_points.listen(listen)
    try:
        with pytest.raises(LockLost):
            MigrationExecutor().apply(machines.plan, server=server, backup_dir=url)
    finally:
        fault_points.listen(None)
    assert read_state(server) == articles
    filesystem, root = backup_location(url).storage.open()  # type: ignore[union-attr]
    assert not filesystem.glob(f"{root}/*.header/*")


def fail_at(store: S3Store, point: str, seconds: float | None = None) -> None:
    """Stop the store when a point is reached first; start it again after some seconds."""
    stopped: list[str] = []

    def listen(reached: str) -> None:
        if reached == point and not stopped:
            stopped.append(reached)
            store.stop()
            if seconds is not None:
                Timer(seconds, store.start).start()

    fault_points.listen(listen)


@pytest.fixture
def s3(machines: Machines, store: S3Store) -> Iterator[S3Store]:
    del machines
    yield store
    fault_points.listen(None)
    if not store.is_running:
        store.start()


@only_s3
def test_a_store_that_fails_for_a_moment_does_not_matter(machines: Machines, s3: S3Store, server: Server) -> None:
    fail_at(s3, "rewrite:server.send:before", 0.5)
    report = MigrationExecutor().apply(machines.plan, server=server, backup_dir=machines.url, batch_size=BATCH)
    assert report.result is Result.SUCCEEDED
    assert server.command("HSTRLEN", "doc:00", "embedding") == 2 * DIMS


@only_s3
def test_a_store_that_fails_before_anything_is_changed(
    machines: Machines, s3: S3Store, articles: State, server: Server
) -> None:
    fail_at(s3, "dump:file.append:before")
    with pytest.raises(BackupUnusable, match=r"cannot be written.*run the same command") as raised:
        MigrationExecutor().apply(machines.plan, server=server, backup_dir=machines.url, retry_for=0)
    assert raised.value.exit_code == 4
    assert read_state(server) == articles


@only_s3
def test_a_store_that_fails_half_way_names_the_commands(
    machines: Machines, s3: S3Store, articles: State, server: Server
) -> None:
    fail_at(s3, "rewrite:server.send:before")
    with pytest.raises(StepFailed, match=r"cannot be (listed|read|written)") as raised:
        MigrationExecutor().apply(
            machines.plan, server=server, backup_dir=machines.url, retry_for=0, plan_path="migration_plan.yaml"
        )
    assert raised.value.exit_code == 3
    assert raised.value.resume == f"fieldfare apply --plan migration_plan.yaml --backup-dir {machines.url}"
    assert raised.value.rollback == f"fieldfare rollback --backup-dir {machines.url} --index articles"

    fault_points.listen(None)
    s3.start()
    assert machines.rollback(machines.second).code == 0
    assert read_state(server) == articles


@pytest.fixture
def slow() -> Iterator[str]:
    """The URL of a storage that a test makes slow."""
    yield f"slow://{token_hex(8)}"
    SlowFileSystem.before_write = lambda _: None


@only_s3
def test_a_run_answers_and_keeps_its_lock_while_an_object_is_written_slowly(
    slow: str, machines: Machines, articles: State, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write of the originals takes until the lock was renewed several times."""
    defaults = IndexLock.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "seconds", 1.0)
    seen: list[Any] = []

    def write(path: str) -> None:
        if ".data/" not in path or seen:
            return
        seen.append(path)
        left = [server.command("PTTL", "fieldfare:lock:articles")]
        while sum(before < after for before, after in pairwise(left)) < 4:
            left.append(server.command("PTTL", "fieldfare:lock:articles"))
            assert left[-1] > 0, "the lock has expired"
            sleep(0.02)
        seen.extend(MigrationExecutor().status(slow))
        MigrationExecutor().throttle(slow, max_rate=1e6)
        with pytest.raises(LockHeld):
            MigrationExecutor().apply(machines.plan, server=server, backup_dir=slow)

    SlowFileSystem.before_write = write
    report = MigrationExecutor().apply(machines.plan, server=server, backup_dir=slow, batch_size=BATCH)
    assert report.result is Result.SUCCEEDED
    _, status = seen
    assert (status["phase"], status["speed"]["activity"]) == ("dump", "dump")
    assert MigrationExecutor().rollback(server=server, backup_dir=slow).result is Result.ROLLED_BACK
    assert read_state(server) == articles


@pytest.mark.parametrize("url", ["file"], indirect=True)
def test_an_object_that_is_cut_is_named_and_nothing_is_written(machines: Machines, server: Server) -> None:
    MigrationExecutor().apply(machines.plan, server=server, backup_dir=machines.url, batch_size=BATCH)
    location = backup_location(machines.url)
    assert isinstance(location, StoragePath)
    migrated = read_state(server)
    filesystem, root = location.storage.open()
    [data] = [each for each in filesystem.find(root) if ".data/" in each]
    filesystem.pipe_file(data, filesystem.cat_file(data)[:-9])

    with pytest.raises(BackupCorrupt, match="Restore this file from a copy") as raised:
        MigrationExecutor().rollback(server=server, backup_dir=machines.url)
    assert raised.value.path == f"file://{data}"
    assert read_state(server) == migrated


@only_s3
def test_a_bucket_that_does_not_exist_is_named(machines: Machines, articles: State, server: Server) -> None:
    machines.url = "s3://nowhere/x"
    refused = machines.apply(machines.first)
    assert refused.code == 4
    assert "s3://nowhere/x" in refused.stderr
    assert read_state(server) == articles


@only_s3
@pytest.mark.parametrize(
    ("place", "code_and_reason"),
    [
        ("memory://joe:hunter2@host/x", (2, "memory://joe:***@host/x has a password")),
        ("memory://x", (4, "does not see the backup: it must be on a disk or in a storage")),
    ],
)
def test_a_place_that_workers_cannot_reach_is_refused(
    place: str, code_and_reason: tuple[int, str], machines: Machines, articles: State, server: Server
) -> None:
    with pytest.raises(FieldfareError, match=r"Nothing was changed|changed nothing") as raised:
        MigrationExecutor().apply(machines.plan, server=server, backup_dir=place, executor="processes:1")
    code, reason = code_and_reason
    assert raised.value.exit_code == code
    assert reason in str(raised.value)
    assert "hunter2" not in str(raised.value)
    assert read_state(server) == articles


@only_s3
def test_a_worker_says_why_it_does_not_see_the_backup(
    s3: S3Store, machines: Machines, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(greeting, "ANSWER_SECONDS", 0)
    s3.stop()
    answer = describe_worker(redis_url, False, f"{machines.url}/migration_backup_x-00000000", ())  # noqa: FBT003 - as it travels
    assert answer["holder"] is None
    [problem] = answer["problems"]
    assert f"{machines.url} cannot be used: it cannot be listed" in problem


@only_s3
def test_the_memory_of_a_command_is_refused(machines: Machines) -> None:
    machines.url = "memory://x"
    refused = machines.apply(machines.first)
    assert refused.code == 2
    assert "The backup ends with the command" in refused.stderr


@only_s3
def test_a_password_in_the_url_is_nowhere(
    machines: Machines, server: Server, capfd: pytest.CaptureFixture[str]
) -> None:
    url, shown = "memory://joe:hunter2@host/x", "memory://joe:***@host/x"
    report = MigrationExecutor().apply(machines.plan, server=server, backup_dir=url)
    assert report.backup_dir == shown
    [status] = MigrationExecutor().status(url)
    assert shown in status["undo"]
    location = backup_location(url)
    assert isinstance(location, StoragePath)
    filesystem, root = location.storage.open()
    content = b"".join(filesystem.cat_file(each) for each in filesystem.find(root))
    with pytest.raises(BackupUnusable) as raised:
        MigrationExecutor().rollback(server=server, backup_dir=url, index="other")
    MigrationExecutor().rollback(server=server, backup_dir=url)
    for text in (repr(report), repr(status), str(raised.value), repr(content), *capfd.readouterr()):
        assert "hunter2" not in text
    assert list(VectorBackup.load(f"{url}/migration_backup_articles").iter_batches(REWRITE))
