"""A cluster that is down for a moment, at every step of moving keys across its slots, forth and back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Timer
from typing import Any, Final

import pytest
from attrs import frozen
from redis import Redis
from redis.exceptions import ResponseError

from fieldfare.api import MigrationExecutor, MigrationPlanner
from fieldfare.report import MigrationReport, Result
from fieldfare.server import Server
from fieldfare.support import fault_points
from fieldfare.testing.digest import index_state
from fieldfare.testing.indexing import wait_until_indexed

COUNT: Final = 40
PATCH: Final = {"version": 1, "changes": {"index": {"name": "idx{b}", "prefix": "{b}art:"}}}


@pytest.fixture
def source(cluster: Server) -> Server:
    if cluster.capabilities.coordinator:
        pytest.skip("search 8.0 counts a node twice whose slots are not one range any more")
    cluster.bulk([("HSET", f"{{a}}doc:{row}", "n", row) for row in range(COUNT)])
    cluster.command("FT.CREATE", "idx{a}", "PREFIX", 1, "{a}doc:", "SCHEMA", "n", "NUMERIC")
    wait_until_indexed(cluster)
    return cluster


@frozen
class Owner:
    """The node that serves a slot, by a client of our own: the run closes the connections of its clients."""

    node: Any
    slot: int

    def stop_serving(self) -> None:
        """Assign the slot to no node."""
        self.node.execute_command("CLUSTER", "DELSLOTS", self.slot)

    def serve_again(self) -> None:
        """Assign the slot to the node again."""
        with suppress(ResponseError):  # it may have heard from the others that the slot is its own
            self.node.execute_command("CLUSTER", "ADDSLOTS", self.slot)


@pytest.fixture
def owner(source: Server, tag: str) -> Iterator[Owner]:
    slot = int(source.command("CLUSTER", "KEYSLOT", tag))
    client: Any = source.client
    node = client.nodes_manager.get_node_from_slot(slot)
    with Redis(host=node.host, port=node.port) as own:
        yield Owner(own, slot)


@pytest.mark.parametrize("tag", ["{a}", "{b}"])
@pytest.mark.parametrize("hit", range(1, 9))
def test_keys_move_all_the_same(
    hit: int, owner: Owner, source: Server, contents: Callable[[], dict[bytes, Any]], tmp_path: Path
) -> None:
    before, indexes = contents(), index_state(source)
    plan = MigrationPlanner().create_plan_from_patch("idx{a}", schema_patch=PATCH, server=source)
    seen: list[str] = []
    healing: list[Timer] = []

    def harm(point: str) -> None:
        if point == "prefix.move:server.send:before":
            seen.append(point)
            if len(seen) == hit:
                owner.stop_serving()
                healing.append(Timer(0.3, owner.serve_again))
                healing[-1].start()

    def harmed(work: Callable[[], MigrationReport]) -> Result:
        seen.clear()
        fault_points.listen(harm)
        try:
            return work().result
        finally:
            fault_points.listen(None)
            for timer in healing:
                timer.join()
            assert len(seen) >= hit

    executor = MigrationExecutor()
    forth = partial(executor.apply, plan, server=source, backup_dir=tmp_path, batch_size=8)
    assert harmed(forth) is Result.SUCCEEDED
    assert contents() == {key.replace(b"{a}doc:", b"{b}art:"): each for key, each in before.items()}
    assert harmed(partial(executor.rollback, server=source, backup_dir=tmp_path)) is Result.ROLLED_BACK
    assert (contents(), index_state(source)) == (before, indexes)
