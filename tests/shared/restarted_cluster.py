"""A cluster with a coordinator whose nodes are killed and restarted, and what each of its primaries holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic, sleep

from attrs import define
from redis.exceptions import RedisError

from coordinator import Node
from fieldfare.server import Server
from fieldfare.server.pipeline import exchange
from fieldfare.server.query_reply import total_of
from fieldfare.server.routing import is_unknown_index
from fieldfare.support import fault_points

__all__ = ["RestartedCluster"]

JOIN_SECONDS = 120


@define
class RestartedCluster:
    """Nodes that can be killed, and a connection."""

    nodes: Sequence[Node]
    server: Server

    def clear(self) -> None:
        """Delete every index and every key, on every primary."""
        self.wait()
        for node in self.server.nodes():
            for name in self.server.command_at(node, "FT._LIST"):
                exchange(node, [("FT.DROPINDEX", name)])  # an error if another node lacks the index
            self.server.command_at(node, "FLUSHALL")

    def wait(self) -> None:
        """Wait until all nodes are back and know each other."""
        deadline = monotonic() + JOIN_SECONDS
        while (error := self._trouble()) is not None:
            assert monotonic() < deadline, error
            sleep(0.05)

    def _trouble(self) -> RedisError | None:
        try:
            self.server.reconnect()
            written = self.server.bulk([("SET", f"fieldfare:probe{{{number}}}", 1) for number in range(30)])
            replies = [exchange(node, [("FT.INFO", "none")])[0] for node in self.server.nodes()]
        except RedisError as error:
            return error
        errors = [each for each in (*written, *replies) if isinstance(each, RedisError)]
        return next((each for each in errors if not is_unknown_index(each)), None)

    def create(self, *command: str | int) -> None:
        """Create an index on every primary: a coordinator that has just started sends the command to too few."""
        deadline = monotonic() + JOIN_SECONDS
        drop = ("FT.DROPINDEX", command[1])
        while True:
            exchange(self.server.node_for(*command), [command])
            replies = [exchange(node, [("FT.INFO", command[1])])[0] for node in self.server.nodes()]
            errors = [each for each in replies if isinstance(each, RedisError)]
            if not errors:
                return
            assert monotonic() < deadline, errors
            for node in self.server.nodes():
                exchange(node, [drop])
            sleep(0.1)

    def wait_until_found(self, index: str, count: int) -> None:
        """Wait until every primary finds all documents of an index: one that has just started asks too few of them."""
        deadline = monotonic() + JOIN_SECONDS
        query = ("FT.SEARCH", index, "*", "NOCONTENT", "LIMIT", 0, count)
        while any(total_of(self.server.command_at(node, *query)) < count for node in self.server.nodes()):
            assert monotonic() < deadline
            sleep(0.05)

    @contextmanager
    def killing(self, number: int, phase: str, *, restart: bool = True) -> Iterator[Event]:
        """Kill a node when a phase begins, and restart it at once."""
        killed = Event()
        node = self.nodes[number]

        def listen(point: str) -> None:
            if point.startswith(f"{phase}:server.") and not killed.is_set():
                killed.set()
                node.kill()
                if restart:
                    thread.start()

        thread = Thread(target=node.restart)
        fault_points.listen(listen)
        try:
            yield killed
        finally:
            fault_points.listen(None)
            if restart and killed.is_set():
                thread.join()

    def address(self, number: int) -> str:
        """Return host and port of a node."""
        return self.nodes[number].url.removeprefix("redis://")
