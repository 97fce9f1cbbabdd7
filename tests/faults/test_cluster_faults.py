"""A cluster that is down for a while, and slots that move while documents are rewritten."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from redis import Redis

from cluster_slots import assign_slot
from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.errors import MigrationIncomplete
from fieldfare.plan import MigrationPlan
from fieldfare.report import Result
from fieldfare.server import Server
from fieldfare.support import fault_points
from fieldfare.testing.indexing import wait_until_indexed

COUNT, BATCH, DIMS = 40, 8, 4
INDEX = "idx{a}"
PATCH = {"version": 1, "changes": {"update_fields": [{"name": "v", "attrs": {"datatype": "float16"}}]}}
VECTORS = np.random.default_rng(3).standard_normal((COUNT, DIMS)).astype("<f4")
KEYS = [f"doc:{row}{{a}}" for row in range(COUNT)]


@pytest.fixture
def plan(cluster: Server) -> MigrationPlan:
    cluster.bulk([("HSET", key, "v", VECTORS[row].tobytes()) for row, key in enumerate(KEYS)])
    cluster.command(
        *("FT.CREATE", INDEX, "PREFIX", 1, "doc:", "SCHEMA", "v", "VECTOR", "FLAT", 6),
        *("TYPE", "FLOAT32", "DIM", DIMS, "DISTANCE_METRIC", "L2"),
    )
    wait_until_indexed(cluster)
    return MigrationPlanner().create_plan_from_patch(INDEX, schema_patch=PATCH, server=cluster)


def vectors(cluster: Server) -> list[bytes]:
    return cluster.bulk([("HGET", key, "v") for key in KEYS])


def before() -> list[bytes]:
    return [vector.tobytes() for vector in VECTORS]


def after() -> list[bytes]:
    return [vector.astype("<f2").tobytes() for vector in VECTORS]


@contextmanager
def at(point: str, harm: Mapping[int, Callable[[], object]]) -> Iterator[None]:
    """Call a function when a point is reached for the n-th time."""
    hits = count(1)
    guard = threading.Lock()  # one thing after the other, as whoever reshards a cluster does them

    def listen(name: str) -> None:
        if name == point:
            with guard:
                harm.get(next(hits), bool)()

    fault_points.listen(listen)
    try:
        yield
    finally:
        fault_points.listen(None)


class Slot:
    """The slot of all keys."""

    def __init__(self, cluster: Server) -> None:
        self.number = int(cluster.command("CLUSTER", "KEYSLOT", KEYS[0]))
        # clients of our own: the run closes the connections of its clients
        ports = [node.connection_pool.connection_kwargs["port"] for node in cluster.nodes()]
        self.nodes: list[Any] = [Redis(port=port) for port in ports]
        [self.owner] = [node for node in self.nodes if node.execute_command("CLUSTER", "COUNTKEYSINSLOT", self.number)]
        self.other = next(node for node in self.nodes if node is not self.owner)

    def unassign(self) -> None:
        """Assign the slot to no node: CLUSTERDOWN."""
        self.owner.execute_command("CLUSTER", "DELSLOTS", self.number)

    def reassign(self) -> None:
        """Assign the slot to its node again."""
        self.owner.execute_command("CLUSTER", "ADDSLOTS", self.number)

    def begin_to_move(self) -> None:
        """Move half of the keys to another node: ASK, for those."""
        for node, state, peer in ((self.other, "IMPORTING", self.owner), (self.owner, "MIGRATING", self.other)):
            node.execute_command("CLUSTER", "SETSLOT", self.number, state, peer.execute_command("CLUSTER", "MYID"))
        self._migrate(self.owner, self.other, KEYS[::2])

    def finish_moving(self) -> None:
        """Move the other half, and the slot: MOVED."""
        left = self.owner.execute_command("CLUSTER", "GETKEYSINSLOT", self.number, 2 * COUNT)  # the lock is among them
        self._migrate(self.owner, self.other, left)
        assign_slot(self.number, self.other, self.nodes)

    def move_back(self) -> None:
        """Assign the slot, without its keys, to the node that had it."""
        for node in self.nodes:
            node.execute_command("FLUSHALL")
        assign_slot(self.number, self.owner, self.nodes)

    @staticmethod
    def _migrate(source: Any, target: Any, keys: Sequence[str | bytes]) -> None:
        port = target.connection_pool.connection_kwargs["port"]
        source.execute_command("MIGRATE", "127.0.0.1", port, "", 0, 5000, "KEYS", *keys)


@pytest.fixture
def slot(cluster: Server, plan: MigrationPlan) -> Iterator[Slot]:
    assert plan.supported
    slot = Slot(cluster)
    yield slot
    for node in slot.nodes:
        node.close()


def test_cluster_that_is_down_for_a_moment_is_retried(
    cluster: Server, plan: MigrationPlan, slot: Slot, tmp_path: Path
) -> None:
    def harm() -> None:
        slot.unassign()
        threading.Timer(0.3, slot.reassign).start()

    with at("rewrite:server.send:before", {2: harm}):
        report = MigrationExecutor().apply(plan, server=cluster, backup_dir=tmp_path, batch_size=BATCH)
    assert report.result is Result.SUCCEEDED
    assert vectors(cluster) == after()
    assert MigrationExecutor().rollback(server=cluster, backup_dir=tmp_path).result is Result.ROLLED_BACK
    assert vectors(cluster) == before()


@pytest.mark.parametrize("then", ["resume", "rollback"])
def test_cluster_that_stays_down(then: str, cluster: Server, plan: MigrationPlan, slot: Slot, tmp_path: Path) -> None:
    with (
        at("rewrite:server.send:before", {2: slot.unassign}),
        pytest.raises(MigrationIncomplete, match="not served"),
    ):
        MigrationExecutor().apply(plan, server=cluster, backup_dir=tmp_path, batch_size=BATCH, retry_for=0)
    slot.reassign()
    if then == "resume":
        assert MigrationExecutor().apply(plan, server=cluster, backup_dir=tmp_path).result is Result.SUCCEEDED
        assert vectors(cluster) == after()
    assert MigrationExecutor().rollback(server=cluster, backup_dir=tmp_path).result is Result.ROLLED_BACK
    assert vectors(cluster) == before()


@pytest.mark.parametrize("workers", [1, 4])
def test_slot_that_moves_during_the_run_is_followed(
    workers: int, cluster: Server, plan: MigrationPlan, slot: Slot, tmp_path: Path
) -> None:
    """Keys and index name share the slot, so after the move the index is created where the keys are."""
    try:
        with at("rewrite:server.send:before", {2: slot.begin_to_move, 4: slot.finish_moving}):
            report = MigrationExecutor().apply(
                plan, server=cluster, backup_dir=tmp_path, batch_size=BATCH, num_workers=workers
            )
        assert report.result is Result.SUCCEEDED
        assert slot.other.execute_command("CLUSTER", "COUNTKEYSINSLOT", slot.number) >= COUNT
        assert vectors(cluster) == after()
        assert MigrationExecutor().rollback(server=cluster, backup_dir=tmp_path).result is Result.ROLLED_BACK
        assert vectors(cluster) == before()
    finally:
        for name in cluster.command("FT._LIST"):
            cluster.command("FT.DROPINDEX", name)
        slot.move_back()
