"""Workers, schedulers and coordinators killed at random moments: nothing is lost. Long: see ``make torture``."""

from __future__ import annotations

import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from dask_cluster import DaskCluster
from fieldfare.server import Server
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import database_digest, index_state
from torture import TORTURE

pytestmark = pytest.mark.skipif(not TORTURE, reason="long: make torture")

COUNT, DIMS = 20_000, 64
PATCH = "version: 1\nchanges:\n  update_fields:\n    - {name: v, attrs: {datatype: float16}}\n"
SEEDS = range(15)


@pytest.fixture
def fieldfare(redis_url: str, server: Server, tmp_path: Path) -> CommandLine:
    values = np.random.default_rng(3).standard_normal((COUNT, DIMS)).astype("<f4")
    for start in range(0, COUNT, 1000):
        server.bulk([("HSET", f"d:{row}", "v", values[row].tobytes()) for row in range(start, start + 1000)])
    server.command(
        *("FT.CREATE", "old", "PREFIX", 1, "d:", "SCHEMA"),
        *("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    (tmp_path / "patch.yaml").write_text(PATCH)
    command = CommandLine(redis_url, tmp_path)
    planned = command("plan", "--index", "old", "--schema-patch", "patch.yaml", "--plan-out", "plan.yaml")
    assert planned.code == 0, planned.stderr
    return command


@pytest.fixture
def cluster(redis_url: str, tmp_path: Path) -> Iterator[DaskCluster]:
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'fieldfare[dask]'")
    with DaskCluster(tmp_path / "dask", redis_url) as cluster:
        for _ in range(2):
            cluster.add_worker()
        yield cluster


def state(server: Server) -> object:
    return database_digest(server), index_state(server)


def start(fieldfare: CommandLine, directory: Path, arguments: str) -> subprocess.Popen[bytes]:
    directory.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "fieldfare", *shlex.split(arguments)],
        cwd=directory,
        env={**os.environ, "FIELDFARE_URL": fieldfare.url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("executor", ["processes:2", "dask"])
def test_killed_at_a_random_moment(
    executor: str, seed: int, fieldfare: CommandLine, server: Server, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(seed)
    before, directory = state(server), fieldfare.directory
    assert fieldfare("apply", "--plan", "plan.yaml", "--backup-dir", "expected").code == 0
    expected = state(server)
    assert fieldfare("rollback", "--backup-dir", "expected").code == 0
    cluster: DaskCluster | None = request.getfixturevalue("cluster") if executor == "dask" else None
    spec = executor if cluster is None else cluster.executor
    commands = {
        "apply": f"apply --plan {directory}/plan.yaml --backup-dir {directory}/backup --executor {spec}",
        "rollback": f"rollback --backup-dir {directory}/backup --executor {spec}",
    }
    for name, wanted in (("apply", expected), ("rollback", before)):
        for attempt in range(6):
            process = start(fieldfare, directory / f"{name}-{attempt}", commands[name])
            try:
                time.sleep(chance.uniform(1, 6))
                victim = chance.choice(["coordinator", "worker"]) if attempt < 4 else ""
                if victim == "coordinator":
                    process.kill()
                elif victim == "worker":
                    kill_worker(process.pid, cluster)
                _, said = process.communicate(timeout=300)
            finally:
                process.kill()
            if process.returncode == 0:
                break
            assert process.returncode in {-signal.SIGKILL, 1, 3}, said.decode()
        assert process.returncode == 0, said.decode()
        assert state(server) == wanted, (name, attempt)


def kill_worker(coordinator: int, cluster: DaskCluster | None) -> None:
    if cluster is not None:
        killed = cluster.workers.pop(0)
        killed.kill()
        killed.wait()
        cluster.add_worker()
        return
    children = Path(f"/proc/{coordinator}/task/{coordinator}/children")
    for child in map(int, children.read_text().split() if children.exists() else []):
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
            os.kill(child, signal.SIGKILL)
            return
