"""``--executor processes:N``: killed anywhere, resumed from anywhere, and no process is left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from fieldfare import hookimpl
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.engine import processes as processes_module
from fieldfare.engine import round as round_module
from fieldfare.engine import stopped_processes
from fieldfare.engine.processes import LocalProcesses
from fieldfare.engine.worker.context import use_address
from fieldfare.hooks.manager import load_plugins
from fieldfare.report import Moment, Result, StepReport
from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state

COUNT, DIMS, BATCH = 230, 8, 20
PATCH = "version: 1\nchanges:\n  update_fields:\n    - {name: v, attrs: {datatype: float16}}\n"
ELSEWHERE = "elsewhere"


@pytest.fixture
def loaded(server: Server) -> Server:
    values = np.random.default_rng(11).standard_normal((COUNT, DIMS)).astype("<f4")
    server.bulk([("HSET", f"d:{row:03}", "v", values[row].tobytes()) for row in range(COUNT)])
    server.command(
        *("FT.CREATE", "old", "PREFIX", 1, "d:", "SCHEMA"),
        *("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    return server


@pytest.fixture
def fieldfare(redis_url: str, loaded: Server, tmp_path: Path) -> CommandLine:
    del loaded
    (tmp_path / "patch.yaml").write_text(PATCH)
    (tmp_path / ELSEWHERE).mkdir()
    command = CommandLine(redis_url, tmp_path)
    planned = command("plan", "--index", "old", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
    assert planned.code == 0, planned.stderr
    return command


def state(server: Server) -> object:
    return database_digest(server), index_state(server)


def workers_of(directory: Path) -> list[int]:
    """Return the processes of workers whose working directory this is."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                is_worker = b"spawn_main" in (process / "cmdline").read_bytes()
                if is_worker and (process / "cwd").readlink() == directory:
                    found.append(int(process.name))
            except OSError:
                continue
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_killed_coordinator_is_resumed_from_another_directory(fieldfare: CommandLine, loaded: Server) -> None:
    before, directory = state(loaded), fieldfare.directory
    apply = ("apply", "--plan", str(directory / "plan.yaml"), "--backup-dir", str(directory / "backup"))
    options = ("--batch-size", str(BATCH), "--executor", "processes:2")
    killed = fieldfare(*apply, *options, crash_at="rewrite:progress:4")
    assert killed.code == -signal.SIGKILL
    wait_until(lambda: not workers_of(directory))
    other = CommandLine(fieldfare.url, directory / ELSEWHERE)
    resumed = other(*apply, *options)
    assert resumed.code == 0, resumed.stderr
    by_processes = state(loaded)
    rollback = ("rollback", "--backup-dir", str(directory / "backup"))
    restored = other(*rollback, "--executor", "processes:1")
    assert restored.code == 0, restored.stderr
    assert state(loaded) == before
    assert fieldfare(*apply, "--batch-size", str(BATCH)).code == 0
    assert state(loaded) == by_processes


class Kill:
    """Sends a signal to a worker while documents are rewritten."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.killed = 0

    @hookimpl
    def fieldfare_step_report(self, report: StepReport) -> None:  # noqa: D102 - as the hook says
        if report.activity == "rewrite" and report.moment is Moment.PROGRESS and not self.killed:
            [self.killed] = [each.pid or 0 for each in multiprocessing.active_children()[:1]]
            os.kill(self.killed, self.number)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_worker_that_ends_or_stands_still_is_replaced(
    number: int, loaded: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(round_module, "SLOW", 0)  # a shard is slow at once
    monkeypatch.setattr(processes_module, "END_SECONDS", 0.5)
    before, kill, plugins = state(loaded), Kill(number), load_plugins()
    plugins.register(kill, "kill", "1")
    changes = {"version": 1, "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}}
    plan = MigrationPlanner().create_plan_from_patch("old", schema_patch=changes, server=loaded)
    executor = MigrationExecutor(plugins=plugins)
    report = executor.apply(plan, server=loaded, backup_dir=tmp_path, batch_size=BATCH, executor="processes:2")
    assert report.result is Result.SUCCEEDED
    assert kill.killed
    assert not multiprocessing.active_children(), "they end with the run"
    by_processes = state(loaded)
    MigrationExecutor().rollback(server=loaded, backup_dir=tmp_path)
    assert state(loaded) == before
    MigrationExecutor().apply(plan, server=loaded, backup_dir=tmp_path, batch_size=BATCH)
    assert state(loaded) == by_processes


@pytest.mark.parametrize("executor", ["processes:1", "processes:2"])
def test_stopped_worker_is_replaced_whatever_the_others_do(
    executor: str, loaded: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a limit on the rate no shard counts as slow."""
    monkeypatch.setattr(stopped_processes, "STOPPED_SECONDS", 0.0)
    kill, plugins = Kill(signal.SIGSTOP), load_plugins()
    plugins.register(kill, "kill", "1")
    changes = {"version": 1, "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}}
    plan = MigrationPlanner().create_plan_from_patch("old", schema_patch=changes, server=loaded)
    MigrationExecutor().apply(plan, server=loaded, backup_dir=tmp_path / "threads", batch_size=BATCH)
    by_threads = state(loaded)
    MigrationExecutor().rollback(server=loaded, backup_dir=tmp_path / "threads")
    report = MigrationExecutor(plugins=plugins).apply(
        plan, server=loaded, backup_dir=tmp_path, batch_size=BATCH, executor=executor, max_rate=10_000.0
    )
    assert report.result is Result.SUCCEEDED
    assert kill.killed
    assert state(loaded) == by_threads


def _pid_once_there(path: Path) -> int:
    wait_until(path.exists)
    return os.getpid()


def test_call_goes_to_a_process_that_does_not_have_it(loaded: Server, tmp_path: Path) -> None:
    """However busy that process is."""
    go = tmp_path / "go"
    with closing(LocalProcesses(3, loaded, use_address)) as processes:
        first = processes.submit(_pid_once_there, go)
        others = [processes.submit(_pid_once_there, go) for _ in range(8)]
        calls = [first]
        while (call := processes.submit_elsewhere(calls, _pid_once_there, go)) is not None:
            calls.append(call)
        go.touch()
        assert len({call.result(60) for call in calls}) == len(calls) == 3
        assert all(call.result(60) for call in others)
        assert processes.submit_elsewhere(calls, os.getpid) is not None, "they have ended"


def test_process_that_is_stopped_while_it_is_asked_is_replaced(loaded: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopped_processes, "STOPPED_SECONDS", 0.0)
    with closing(LocalProcesses(1, loaded, use_address)) as processes:
        stopped = processes.submit(os.getpid).result(60)
        os.kill(stopped, signal.SIGSTOP)
        [found] = processes.ask_each(os.getpid).values()
    assert found != stopped
    assert isinstance(found, int)


def test_help_names_every_executor(fieldfare: CommandLine) -> None:
    assert "processes:N" in fieldfare("apply", "--help").stdout
    for command in ("apply", "rollback"):
        outcome = fieldfare(command, "--backup-dir", "backup", "--executor", "nobody")
        assert outcome.code in {2, 4}
    outcome = fieldfare("apply", "--plan", "plan.yaml", "--backup-dir", "backup", "--executor", "nobody")
    assert outcome.code == 2
    assert "no plugin knows it" in outcome.stderr
