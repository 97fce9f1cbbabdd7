"""Workers of a real Dask scheduler: the bytes are those of one thread, whatever ends; nobody learns the password."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from structlog.testing import capture_logs

import fieldfare
from dask_cluster import DaskCluster
from fieldfare.api import MigrationExecutor, MigrationPlanner, write_migration_plan
from fieldfare.errors import StepFailed, UsageError, WorkersUnfit
from fieldfare.hooks.manager import load_plugins
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result
from fieldfare.server import Server, connect
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.fixtures import PrivateServer
from run_moments import At
from s3_store import SECRET, S3Store, s3_store

pytest.importorskip("distributed", reason="Dask is not installed: pip install 'fieldfare[dask]'")

COUNT, DIMS, BATCH = 400, 8, 20
PASSWORD = "hünt/er@two:50%#"  # noqa: S105 - nobody's
PATCH = {"version": 1, "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}}


@pytest.fixture
def url(private_server: PrivateServer) -> str:
    server = private_server(tcp=True, password=PASSWORD)
    return f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}"


@pytest.fixture
def loaded(url: str) -> Iterator[Server]:
    values = np.random.default_rng(11).standard_normal((COUNT, DIMS)).astype("<f4")
    with connect(url) as server:
        server.bulk([("HSET", f"d:{row:03}", "v", values[row].tobytes()) for row in range(COUNT)])
        server.command(
            *("FT.CREATE", "old", "PREFIX", 1, "d:", "SCHEMA"),
            *("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
        )
        yield server


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Store]:
    """A store that the environment of this process, and of those that it starts, names."""
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install 'fieldfare[s3]'")
    with s3_store() as store:
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        yield store


@pytest.fixture
def cluster(url: str, tmp_path: Path) -> Iterator[DaskCluster]:
    with DaskCluster(tmp_path / "dask", url) as cluster:
        cluster.add_worker()
        yield cluster


def plan_for(server: Server) -> MigrationPlan:
    return MigrationPlanner().create_plan_from_patch("old", schema_patch=PATCH, server=server)


def state(server: Server) -> object:
    return database_digest(server), index_state(server)


def migrate(server: Server, plan: MigrationPlan, directory: Path | str, *plugins: object, **options: Any) -> Any:
    loaded = load_plugins()
    for number, each in enumerate(plugins):
        loaded.register(each, f"test{number}", "1")
    executor = MigrationExecutor(plugins=loaded)
    return executor.apply(plan, server=server, backup_dir=directory, batch_size=BATCH, **options)


def test_killed_worker_killed_scheduler_and_no_secret(
    cluster: DaskCluster, loaded: Server, url: str, tmp_path: Path
) -> None:
    before, plan, backup = state(loaded), plan_for(loaded), tmp_path / "backup"
    migrate(loaded, plan, tmp_path / "threads")
    by_threads = state(loaded)
    MigrationExecutor().rollback(server=loaded, backup_dir=tmp_path / "threads")
    second = cluster.add_worker()
    cluster.wait_for_workers(2)
    options = {"executor": cluster.executor}
    pages: list[bytes] = []
    watch = At("rewrite:progress", lambda: pages.append(cluster.pages()))
    report = migrate(loaded, plan, backup, watch, At("rewrite:progress", second.kill), **options)
    assert report.result is Result.SUCCEEDED
    assert state(loaded) == by_threads
    command = CommandLine(url, tmp_path)
    every_log = ("-vv", "--traceback", "--log-format", "json")
    restored = command("rollback", "--backup-dir", "backup", "--executor", cluster.executor, *every_log)
    assert restored.code == 0, restored.stderr
    assert state(loaded) == before

    assert cluster.scheduler is not None
    with pytest.raises(StepFailed) as caught:
        migrate(loaded, plan, backup, At("rewrite:progress", cluster.scheduler.kill), retry_for=2.0, **options)
    write_migration_plan(plan, tmp_path / "plan.yaml")
    resumed = command("apply", "--plan", "plan.yaml", "--backup-dir", "backup", *every_log)
    assert resumed.code == 0, resumed.stderr
    assert state(loaded) == by_threads

    said = [str(caught.value), repr(vars(caught.value)), restored.stdout, restored.stderr]
    said += [resumed.stdout, resumed.stderr]
    assert b"worker-0" in pages[0]
    written = pages + [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    for secret in (PASSWORD, quote(PASSWORD, safe=""), PASSWORD.encode("unicode_escape").decode()):
        assert not [each for each in said if secret in each]
        assert not [each for each in written if secret.encode() in each]


def test_backup_in_a_store_of_a_run_whose_worker_is_killed(
    store: S3Store, cluster: DaskCluster, loaded: Server, url: str, tmp_path: Path
) -> None:
    """Other workers resume it and roll it back, started as a user does; nobody shares a disk."""
    before, plan = state(loaded), plan_for(loaded)
    migrate(loaded, plan, tmp_path / "threads")
    by_threads = state(loaded)
    MigrationExecutor().rollback(server=loaded, backup_dir=tmp_path / "threads")
    [only] = cluster.workers
    with capture_logs() as logs, pytest.raises(StepFailed) as caught:
        migrate(loaded, plan, store.url, At("rewrite:progress", only.kill), retry_for=2.0, executor=cluster.executor)
    assert [each["giving_up_in_seconds"] for each in logs if each["event"] == "no_worker"] == [2.0]
    said = [str(caught.value), repr(vars(caught.value))]
    assert f"--backup-dir {store.url} --executor {cluster.executor}" in caught.value.resume
    for _ in range(2):
        cluster.add_worker()
    cluster.wait_for_workers(2)

    write_migration_plan(plan, tmp_path / "plan.yaml")
    command = CommandLine(url, tmp_path)
    options = ("--backup-dir", store.url, "--executor", cluster.executor)
    for arguments, expected in (
        (("apply", "--plan", "plan.yaml"), by_threads),
        (("validate", "--plan", "plan.yaml", "--verify", "full"), by_threads),
        (("rollback", "--yes"), before),
    ):
        done = command(*arguments, *options)
        assert done.code == 0, done.stderr
        assert state(loaded) == expected, arguments
        said += [done.stdout, done.stderr]
    said += [path.read_text() for path in (tmp_path / "dask").rglob("*.log")]
    for secret in (PASSWORD, quote(PASSWORD, safe=""), SECRET):
        assert not [each for each in said if secret in each]


def test_unfit_workers_are_refused_before_anything_is_changed(
    cluster: DaskCluster, loaded: Server, private_server: PrivateServer, tmp_path: Path
) -> None:
    before, plan = state(loaded), plan_for(loaded)
    package = Path(fieldfare.__file__).parent
    shutil.copytree(package, tmp_path / "old" / "fieldfare", ignore=shutil.ignore_patterns("__pycache__"))
    version = tmp_path / "old" / "fieldfare" / "__init__.py"
    version.write_text(version.read_text().replace(f'"{fieldfare.__version__}"', '"0.0.9"'))
    path = ":".join([str(tmp_path / "old"), *filter(None, sys.path)])
    cluster.add_worker(PYTHONPATH=path)
    cluster.add_worker(FIELDFARE_URL=private_server(tcp=True).url)
    cluster.add_worker(FIELDFARE_URL=cluster.url.replace("@", "x@"))
    cluster.wait_for_workers(4)
    with pytest.raises(WorkersUnfit) as caught:
        migrate(loaded, plan, tmp_path / "backup", executor=cluster.executor)
    problems = "\n".join(caught.value.problems)
    assert f"has fieldfare 0.0.9, this command {fieldfare.__version__}" in problems
    assert "reaches another Redis server" in problems
    assert "Cannot talk to Redis" in problems
    assert state(loaded) == before
    assert not list((tmp_path / "backup").glob("*.header"))


def test_workers_with_other_sources_under_the_same_version_are_refused(
    cluster: DaskCluster, loaded: Server, tmp_path: Path
) -> None:
    before, plan = state(loaded), plan_for(loaded)
    for name in ("fieldfare/engine/restore.py", "fieldfare_quantize/codec.py", "acme_redact.py"):
        spec = find_spec(name.partition("/")[0].removesuffix(".py"))
        assert spec is not None
        assert spec.origin is not None
        root = Path(spec.origin).parents[name.count("/") and 1]
        shutil.copytree(root, tmp_path / spec.name, ignore=shutil.ignore_patterns("__pycache__"))
        changed = tmp_path / spec.name / name
        changed.write_text(f"{changed.read_text()}\n# changed\n")
        cluster.add_worker(PYTHONPATH=":".join([str(tmp_path / spec.name), *filter(None, sys.path)]))
    cluster.wait_for_workers(4)
    with pytest.raises(WorkersUnfit) as caught:
        migrate(loaded, plan, tmp_path / "backup", executor=cluster.executor)
    kernel, quantize = sorted(
        caught.value.problems, key=lambda each: "plugin" in each
    )  # the plan does not use acme_redact
    for problem, part in ((kernel, "the kernel"), (quantize, "the plugin quantize")):
        assert problem.startswith("tcp://")
        assert problem.endswith(f"has the coordinator's version of fieldfare, but other sources of it: {part}")
    assert state(loaded) == before
    assert not list((tmp_path / "backup").glob("*.header"))


def test_workers_that_are_started_again_are_waited_for(cluster: DaskCluster) -> None:
    """None is there when they are to be asked."""
    from fieldfare_dask.executor import DaskExecutor  # noqa: PLC0415 - it may not be installed

    with closing(DaskExecutor.on_scheduler(cluster.executor.replace("dask://", "tcp://"))) as workers:
        killed = cluster.workers.pop()
        killed.kill()
        killed.wait()
        started = cluster.add_worker()
        assert list(workers.ask_each(os.getpid).values()) == [started.pid]


def test_work_of_a_stopped_worker_is_done_by_another(
    url: str, loaded: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as the scheduler has heard nothing for long; with a limit on the rate no shard counts as slow."""
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "2s")
    plan, stopped = plan_for(loaded), At("rewrite:progress", lambda: workers[0].send_signal(signal.SIGSTOP))
    migrate(loaded, plan, tmp_path / "threads")
    by_threads = state(loaded)
    MigrationExecutor().rollback(server=loaded, backup_dir=tmp_path / "threads")
    with DaskCluster(tmp_path / "dask", url) as cluster:
        workers = [cluster.add_worker() for _ in range(2)]
        cluster.wait_for_workers(2)
        report = migrate(loaded, plan, tmp_path / "backup", stopped, executor=cluster.executor, max_rate=10_000.0)
    assert report.result is Result.SUCCEEDED
    assert state(loaded) == by_threads


def test_cluster_that_stays_without_workers_is_named(cluster: DaskCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    from fieldfare_dask import executor  # noqa: PLC0415 - it may not be installed

    monkeypatch.setattr(executor, "WORKER_SECONDS", 3)
    address = cluster.executor.replace("dask://", "tcp://")
    with closing(executor.DaskExecutor.on_scheduler(address)) as workers:
        cluster.workers[0].kill()
        cluster.workers[0].wait()
        with capture_logs() as logs, pytest.raises(WorkersUnfit, match="none has come for 3 seconds"):
            workers.ask_each(os.getpid)
        assert [(each["event"], each["giving_up_in_seconds"]) for each in logs] == [("no_worker", 3)]
    with pytest.raises(WorkersUnfit, match="none has come for 3 seconds"):
        executor.DaskExecutor.on_scheduler(address)


def test_call_goes_to_a_worker_that_does_not_have_it(cluster: DaskCluster, tmp_path: Path) -> None:
    """However busy that worker is."""
    from fieldfare_dask.executor import DaskExecutor  # noqa: PLC0415 - it may not be installed

    go = tmp_path / "go"

    def pid_once_there() -> int:
        deadline = time.monotonic() + 60
        while not go.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        return os.getpid()

    for _ in range(2):
        cluster.add_worker()
    cluster.wait_for_workers(3)
    with closing(DaskExecutor.on_scheduler(cluster.executor.replace("dask://", "tcp://"))) as workers:
        first = workers.submit(pid_once_there)
        others = [workers.submit(pid_once_there) for _ in range(8)]
        calls, deadline = [first], time.monotonic() + 60
        while len(calls) < 3:
            assert time.monotonic() < deadline
            if (call := workers.submit_elsewhere(calls, pid_once_there)) is not None:
                calls.append(call)
        assert workers.submit_elsewhere(calls, pid_once_there) is None
        go.touch()
        assert len({call.result(60) for call in calls}) == 3
        assert all(call.result(60) for call in others)


@pytest.mark.parametrize("spec", ["dask://", "dask+tls", "dask+tls://"])
def test_address_without_a_host_is_a_usage_error(spec: str, loaded: Server, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="HOST:PORT"):
        migrate(loaded, plan_for(loaded), tmp_path, executor=spec)


def test_missing_dask_is_named(loaded: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fieldfare_dask.executor", None)  # as if it could not be imported
    with pytest.raises(UsageError, match=r"pip install 'fieldfare\[dask\]'"):
        migrate(loaded, plan_for(loaded), tmp_path, executor="dask")


def test_scheduler_that_is_not_there_is_named(loaded: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fieldfare_dask import executor  # noqa: PLC0415 - it may not be installed

    monkeypatch.setattr(executor, "CONNECT_SECONDS", 1)
    with pytest.raises(WorkersUnfit, match=r"the scheduler at tcp://127\.0\.0\.1:1:"):
        migrate(loaded, plan_for(loaded), tmp_path, executor="dask://127.0.0.1:1")


def test_scheduler_that_ends_before_the_workers_are_asked_is_named(
    cluster: DaskCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fieldfare_dask import executor  # noqa: PLC0415 - it may not be installed

    monkeypatch.setattr(executor, "CONNECT_SECONDS", 3)
    address = cluster.executor.replace("dask://", "tcp://")
    with closing(executor.DaskExecutor.on_scheduler(address)) as workers:
        assert cluster.scheduler is not None
        cluster.scheduler.kill()
        cluster.scheduler.wait()
        with pytest.raises(WorkersUnfit, match="the scheduler has ended, or cannot be reached: "):
            workers.ask_each(os.getpid)
        assert isinstance(workers.submit(os.getpid).exception(60), ConnectionError)
        workers.close()  # as Dask does it after a while
        assert workers.workers == 0
        assert isinstance(workers.submit(os.getpid).exception(60), ConnectionError)
