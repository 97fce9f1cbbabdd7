"""A cluster of three, a Dask scheduler and four workers: killed at random moments, nothing is lost.

Long: see ``make torture``. ``DOCUMENTS`` and ``KILLS`` in the environment say how many of each, for each place of the
backups. With ``FIELDFARE_TEST_SEARCH_MODULE``, a search module with a coordinator, the index covers all nodes.
"""

from __future__ import annotations

import logging
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import count, cycle, islice
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from attrs import define, field

from coordinator import MODULE, Node
from dask_cluster import DaskCluster
from fieldfare.server import Server, connect
from fieldfare.testing.commandline import CommandLine
from fieldfare.testing.digest import read_state
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare.testing.servers import start_cluster_nodes
from restarted_cluster import RestartedCluster
from s3_store import s3_store
from torture import TORTURE

pytestmark = pytest.mark.skipif(not TORTURE, reason="long: make torture")

DOCUMENTS: Final = int(os.environ.get("DOCUMENTS", "2000"))
KILLS: Final = int(os.environ.get("KILLS", "6"))
SEED: Final = int(os.environ.get("SEED") or 1)
DIMS, ROWS, WORKERS = 384, 1000, 4
INDEX: Final = "articles{a}"
TAGS: Final = "abc" if MODULE else "a"
"""Hash tags of the documents: one for each node, or that of the node that has the index."""

PATCH: Final = "version: 1\nchanges:\n  update_fields:\n    - {name: v, attrs: {datatype: float16}}\n"
VICTIMS: Final = ("coordinator", "worker", "scheduler")
EXIT_CODES: Final = {"nothing": {0}, "coordinator": {-signal.SIGKILL}, "worker": {0}, "scheduler": {0, 1, 3, 4}}
"""What is killed → how the coordinator may end."""

KILLS_OF_A_COMMAND: Final = 3
"""After so many kills a command may end; the next one is disturbed then."""

LOGGER: Final = logging.getLogger(__name__)

SECONDS: Final = 900
"""How long a command may take."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A cluster with documents on each node that the index covers."""
    arguments = ["--loadmodule", MODULE] if MODULE else []
    with start_cluster_nodes(3, arguments, search=not MODULE) as nodes, connect(nodes[0].url) as server:
        chance = np.random.default_rng(3)
        for start in range(0, DOCUMENTS, ROWS):
            values = chance.standard_normal((min(ROWS, DOCUMENTS - start), DIMS)).astype("<f4")
            keys = [f"d:{start + row}{{{TAGS[row % len(TAGS)]}}}" for row in range(len(values))]
            server.bulk([("HSET", key, "v", value.tobytes()) for key, value in zip(keys, values, strict=True)])
        create = RestartedCluster([*map(Node, nodes)], server).create if MODULE else server.command
        create(
            *("FT.CREATE", INDEX, "PREFIX", 1, "d:", "SCHEMA"),
            *("v", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
        )
        wait_until_indexed(server)
        yield server


@define
class Machines:
    """A scheduler, workers and coordinators, started as users do, that share a server and the place of the backups.

    Attributes:
        url: of the server.
        directory: for files.
        backup_dir: the place of the backups.
        environment: what tells workers and coordinators where that is.
        chance: decides when what is killed.
        number: of the next directory.
        seconds: how long each command took undisturbed, the last time.
    """

    url: str
    directory: Path
    backup_dir: str
    environment: Mapping[str, str]
    chance: random.Random
    number: Iterator[int] = field(factory=count)
    seconds: dict[str, float] = field(factory=dict)
    cluster: DaskCluster = field(init=False)
    undo: ExitStack = field(factory=ExitStack)

    def start_cluster(self) -> None:
        """Start a scheduler and its workers; end the former ones."""
        self.undo.close()
        self.cluster = self.undo.enter_context(DaskCluster(self.directory / f"dask-{next(self.number)}", self.url))
        for _ in range(WORKERS):
            self.cluster.add_worker(**self.environment)
        self.cluster.wait_for_workers(WORKERS)

    def start(self, command: str) -> subprocess.Popen[bytes]:
        """Start a coordinator, in a directory of its own."""
        directory = self.directory / f"coordinator-{next(self.number)}"
        directory.mkdir()
        arguments = f"{command} --backup-dir {self.backup_dir} --executor {self.cluster.executor}"
        return subprocess.Popen(
            [sys.executable, "-m", "fieldfare", *shlex.split(arguments)],
            cwd=directory,
            env={**os.environ, "FIELDFARE_URL": self.url, **self.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def kill(self, victim: str, coordinator: subprocess.Popen[bytes]) -> None:
        """Kill a process; a worker is replaced."""
        if victim == "coordinator":
            coordinator.kill()
        elif victim == "scheduler":
            assert self.cluster.scheduler is not None
            self.cluster.scheduler.kill()
        else:
            worker = self.cluster.workers.pop(self.chance.randrange(WORKERS))
            worker.kill()
            worker.wait()
            self.cluster.add_worker(**self.environment)

    def run(self, command: str, victims: list[str]) -> None:
        """Run a command until it succeeds, while processes are killed.

        Args:
            command: it is started again, in another directory, when it does not succeed.
            victims: what is killed; the first ones are removed. Nothing, the first time that the command runs.
        """
        for attempt in count():
            process, started = self.start(command), time.monotonic()
            killed, moment = "nothing", self.chance.uniform(0, self.seconds.get(command, 0))
            is_disturbed = moment and victims and attempt < KILLS_OF_A_COMMAND
            try:
                process.wait(moment if is_disturbed else SECONDS)
            except subprocess.TimeoutExpired:
                assert is_disturbed, f"{command} still runs after {SECONDS} s"
                killed = victims.pop(0)
                self.kill(killed, process)
            code, said = wait_for(process)
            taken = time.monotonic() - started
            LOGGER.info("%s: %s killed after %.1f s; exit code %d after %.1f s", command, killed, moment, code, taken)
            LOGGER.info("%s", said)
            assert code in EXIT_CODES[killed], said
            if killed == "nothing":
                self.seconds[command] = taken
            elif killed == "scheduler":
                self.start_cluster()
            if code == 0:
                return


def wait_for(process: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Wait for the end of a process, and return its exit code and what it said."""
    try:
        _, said = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
    return process.returncode, said.decode()


@pytest.fixture(params=["s3", "disk"])
def machines(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Iterator[Machines]:
    """Four workers, with backups in an S3-compatible store or in a directory."""
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'fieldfare[dask]'")
    address = server.address
    assert address is not None
    with ExitStack() as stack:
        place, environment = str(tmp_path / "backups"), {}
        if request.param == "s3":
            store = stack.enter_context(s3_store())
            place, environment = store.url, store.environment
        machines = Machines(address.reference, tmp_path, place, environment, random.Random(SEED))
        stack.enter_context(machines.undo)
        machines.start_cluster()
        yield machines


@pytest.mark.timeout(4 * SECONDS)
def test_killed_at_random_moments(machines: Machines, server: Server) -> None:
    """Documents become those of a run in one process, and what they were before, whatever is killed."""
    before = read_state(server)
    plan = machines.directory / "plan.yaml"
    (machines.directory / "patch.yaml").write_text(PATCH)
    command = CommandLine(machines.url, machines.directory)
    planned = command("plan", "--index", INDEX, "--schema-patch", "patch.yaml", "--plan-out", str(plan))
    assert planned.code == 0, planned.stderr
    alone = command("apply", "--plan", str(plan), "--backup-dir", "alone", timeout=SECONDS)
    assert alone.code == 0, alone.stderr
    expected = read_state(server)
    assert expected != before
    alone = command("rollback", "--backup-dir", "alone", timeout=SECONDS)
    assert alone.code == 0, alone.stderr
    assert read_state(server) == before

    victims = list(islice(cycle(VICTIMS), KILLS))
    machines.chance.shuffle(victims)
    while victims:
        for name, wanted in ((f"apply --plan {plan}", expected), ("rollback", before)):
            machines.run(name, victims)
            assert read_state(server) == wanted, name
