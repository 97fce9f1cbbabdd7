"""Batches that are killed or interrupted, and resumed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from threading import Event, Thread
from typing import Any

import numpy as np
import pytest

from fieldfare.server import Server
from fieldfare.server.inspect import list_indexes, read_definition, read_stats
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state
from fieldfare.testing.faults import Fault, FaultContext
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare_batch import BatchMigrationExecutor
from fieldfare_batch.plan_file import load_batch_plan
from fieldfare_batch.state import Status
from fieldfare_batch.state_file import load_state, lock_state

PLAN = ("batch-plan", "--schema-patch", "patch.yaml", "--pattern", "*")
APPLY = ("batch-apply", "--backup-dir", "backups", "--accept-data-loss")
RESUME = ("batch-resume", "--accept-data-loss")

INDEXES = 50 if "TORTURE" in os.environ else 6
DOCUMENTS = 40  # benchmarks/batch.py does the same with 1,000, which takes a minute
DIMS = 8

KILLER = """
import os, signal, sys
from fieldfare_batch import BatchMigrationExecutor
from fieldfare_batch.plan_file import load_batch_plan
from fieldfare.testing.faults import Fault, FaultContext
from fieldfare.testing.indexing import wait_until_indexed

def kill(name, position, total, status):
    if f"{name}:{status}" == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

BatchMigrationExecutor().apply(
    load_batch_plan("batch_plan.yaml"), redis_url=sys.argv[1], backup_dir="backups", progress_callback=kill
)
"""


def load_many(server: Server) -> None:
    random = np.random.default_rng(50)
    for number in range(INDEXES):
        name = f"tenant_{number:02}"
        vectors = random.standard_normal((DOCUMENTS, DIMS)).astype("<f4")
        server.bulk(
            [
                ("HSET", f"{name}:{row}", "title", f"number {row}", "embedding", vectors[row].tobytes())
                for row in range(DOCUMENTS)
            ]
        )
        server.command(
            *("FT.CREATE", name, "PREFIX", 1, f"{name}:", "SCHEMA", "title", "TEXT", "embedding", "VECTOR", "FLAT", 6),
            *("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "COSINE"),
        )
    wait_until_indexed(server)


def digest(server: Server) -> str:
    """All documents and definitions, read in bulk."""
    total = hashlib.sha256()
    for name in list_indexes(server):
        total.update(repr(read_definition(server, name)).encode())
        replies = server.bulk([("HGETALL", f"{name}:{row}") for row in range(DOCUMENTS)])
        total.update(repr([sorted(_pairs(reply)) for reply in replies]).encode())
    total.update(str(server.command("DBSIZE")).encode())
    return total.hexdigest()


def _pairs(reply: Any) -> list[tuple[bytes, bytes]]:
    return list(reply.items()) if isinstance(reply, dict) else list(zip(reply[::2], reply[1::2], strict=True))


def test_many_indexes_killed_in_the_middle_of_one(fieldfare: CommandLine, server: Server) -> None:
    load_many(server)
    original = digest(server)
    planned = fieldfare(*PLAN)
    assert planned.code == 0, planned.stderr
    # two batches of documents an index: the second batch of the one in the middle
    assert fieldfare(*APPLY, "--batch-size", "20", crash_at=f"rewrite:progress:{INDEXES // 2 * 2}").code == -9
    state = load_state(fieldfare.directory / "batch_state.yaml")
    assert len(state.with_status(Status.IN_PROGRESS)) == 1
    assert state.with_status(Status.SUCCESS)
    assert state.with_status(Status.PENDING)
    shown = fieldfare("batch-status")
    assert f"In Progress: {state.with_status(Status.IN_PROGRESS)[0].name}\n" in shown.stdout
    resumed = fieldfare(*RESUME, "--json")
    assert resumed.code == 0, resumed.stderr
    assert json.loads(resumed.stdout)["summary"]["successful"] == INDEXES
    for name in list_indexes(server):
        field = read_definition(server, name).find("embedding")
        assert field is not None
        assert field.attrs["datatype"] == "float16"
        assert read_stats(server, name).num_docs == DOCUMENTS
    assert digest(server) != original
    assert fieldfare("batch-rollback", crash_at=f"restore:progress:{INDEXES // 2}").code == -9
    assert "Rollback: running" in fieldfare("batch-status").stdout
    undone = fieldfare("batch-rollback")
    assert undone.code == 0, undone.stderr
    assert digest(server) == original


MOMENTS = ["a:in_progress", "b:success", "c:success"]


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_between_two_indexes(
    moment: str, fieldfare: CommandLine, server: Server, load: Any, redis_url: str
) -> None:
    for name in ("a", "b", "c"):
        load(name)
    before = database_digest(server), index_state(server)
    assert fieldfare(*PLAN).code == 0
    killed = subprocess.run(
        [sys.executable, "-c", KILLER, redis_url, moment], cwd=fieldfare.directory, check=False, capture_output=True
    )
    assert killed.returncode == -9, killed.stderr
    resumed = fieldfare(*APPLY, "--json")  # the same command does what batch-resume does
    assert resumed.code == 0, resumed.stderr
    assert json.loads(resumed.stdout)["summary"]["successful"] == 3
    assert fieldfare("batch-rollback").code == 0
    assert (database_digest(server), index_state(server)) == before


@pytest.mark.parametrize(
    "moment", ["enumerate:started:2", "dump:progress:2", "drop:finished:2", "create:started:2", "validate:finished:2"]
)
def test_killed_inside_an_index_and_rolled_back(moment: str, fieldfare: CommandLine, server: Server, load: Any) -> None:
    for name in ("a", "b", "c"):
        load(name)
    before = database_digest(server), index_state(server)
    assert fieldfare(*PLAN).code == 0
    assert fieldfare(*APPLY, crash_at=moment).code == -9
    undone = fieldfare("batch-rollback")
    assert undone.code == 0, undone.stderr
    assert (database_digest(server), index_state(server)) == before
    state = load_state(fieldfare.directory / "batch_state.yaml")
    assert {each.name: each.status.value for each in state.indexes} == {
        "a": "rolled_back",
        "b": "rolled_back",
        "c": "pending",
    }


@pytest.mark.parametrize("parallel", ["1", "2"])
def test_ctrl_c_names_the_next_commands(parallel: str, fieldfare: CommandLine, server: Server, load: Any) -> None:
    names = [f"i{number}" for number in range(4)]
    for name in names:
        load(name, count=100)  # longer than the main thread takes to notice, on a busy machine, too
    before = database_digest(server), index_state(server)
    assert fieldfare(*PLAN).code == 0
    ctrl_c = Fault("rewrite:server.send:before", 3, "interrupt"), FaultContext(fieldfare.url, fieldfare.directory)
    stopped = fieldfare(*APPLY, "--batch-size", "1", "--parallel", parallel, fault=ctrl_c)
    assert stopped.code == 130, stopped.stderr
    assert "batch-resume --state" in stopped.stderr
    assert "batch-rollback --state" in stopped.stderr
    state = load_state(fieldfare.directory / "batch_state.yaml")
    assert state.with_status(Status.PENDING)
    resumed = fieldfare(*RESUME)
    assert resumed.code == 0, resumed.stderr
    assert fieldfare("batch-rollback").code == 0
    assert (database_digest(server), index_state(server)) == before


def test_status_never_reads_a_partly_written_file(
    fieldfare: CommandLine, server: Server, load: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        load(f"i{number:02}")
    assert fieldfare(*PLAN).code == 0
    monkeypatch.chdir(fieldfare.directory)
    path = fieldfare.directory / "batch_state.yaml"
    over, read, seen, problems = Event(), Event(), list[int](), list[BaseException]()

    def watch() -> None:
        while len(seen) < 100 or not over.is_set():
            if path.exists():
                try:
                    seen.append(len(load_state(path).with_status(Status.SUCCESS)))
                except BaseException as error:
                    problems.append(error)
                    raise
                finally:
                    read.set()

    def wait_for_a_reader(*transition: object) -> None:
        del transition
        for _ in ("begun before", "begun now"):
            read.clear()
            assert read.wait(120)

    watcher = Thread(target=watch)
    watcher.start()
    try:
        BatchMigrationExecutor().apply(
            load_batch_plan("batch_plan.yaml"),
            server=server,
            backup_dir="backups",
            progress_callback=wait_for_a_reader,
        )
    finally:
        over.set()
        watcher.join()
    assert not problems
    assert len(seen) >= 100
    assert seen == sorted(seen)
    assert set(seen) >= set(range(1, 6)), "read while the batch was running"


def test_two_processes_cannot_run_one_batch(fieldfare: CommandLine, server: Server, load: Any) -> None:
    del server
    load("a")
    assert fieldfare(*PLAN).code == 0
    path = fieldfare.directory / "batch_state.yaml"
    with lock_state(path):
        second = fieldfare(*APPLY)
    assert second.code == 4
    assert f"the batch state {path}" in second.stderr
    assert f"pid {os.getpid()}" in second.stderr
    assert fieldfare(*APPLY).code == 0
