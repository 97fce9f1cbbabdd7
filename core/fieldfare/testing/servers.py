"""Servers for tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from time import monotonic, sleep
from typing import Any, Final

from redis import Redis

from fieldfare.server.connection import Server
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.server.pipeline import exchange

__all__ = ["clear", "start_cluster", "start_cluster_nodes"]

SLOTS: Final = 16384
JOIN_SECONDS: Final = 120
POLL_SECONDS: Final = 0.02


def clear(server: Server) -> None:
    """Delete every index and every key."""
    for node in server.nodes():
        for name in server.command_at(node, "FT._LIST"):
            broken = name.replace(b"\\n", b"\n").replace(b"\\r", b"\r")  # search 2 lists line breaks in this way
            exchange(node, [("FT.DROPINDEX", name), ("FT.DROPINDEX", broken)])
        server.command_at(node, "FLUSHALL")


@contextmanager
def start_cluster() -> Iterator[list[str]]:
    """Start a cluster as :func:`start_cluster_nodes` does, and give the URLs of its nodes."""
    with start_cluster_nodes() as nodes:
        yield [node.url for node in nodes]


@contextmanager
def start_cluster_nodes(
    size: int = 3, arguments: Sequence[str] = (), *, search: bool = True
) -> Iterator[list[EmbeddedServer]]:
    """Start a cluster of primaries that share the slots evenly, and give them in the order of the slots.

    The search module of the ``embedded`` extra has no cluster coordinator: an index lives on the node that owns
    the slot of its name, and covers only that node's keys. Hash tags put both together.

    Args:
        size: how many nodes.
        arguments: further arguments for ``redis-server``.
        search: whether to load that search module; if not, ``arguments`` may name another one.

    Raises:
        TimeoutError: the nodes did not find each other.
    """
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(EmbeddedServer(arguments, search=search, tcp=True, cluster=True)) for _ in range(size)
        ]
        clients: list[Any] = [Redis(unix_socket_path=str(node.socket)) for node in nodes]
        for place, client in enumerate(clients):
            stack.callback(client.close)
            first, last = place * SLOTS // size, (place + 1) * SLOTS // size - 1
            client.execute_command("CLUSTER ADDSLOTSRANGE", first, last)
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", place + 1)
        for node in nodes[1:]:
            clients[0].execute_command("CLUSTER MEET", "127.0.0.1", node.port, node.bus_port)
        deadline = monotonic() + JOIN_SECONDS
        while not all(_has_joined(client, size) for client in clients):
            if monotonic() > deadline:
                message = f"the {size} nodes of a test cluster did not find each other"
                raise TimeoutError(message)
            sleep(POLL_SECONDS)
        yield nodes


def _has_joined(client: Any, size: int) -> bool:
    info = client.execute_command("CLUSTER INFO")
    return bool(info["cluster_state"] == "ok" and int(info["cluster_known_nodes"]) == size)
