"""Servers whose nodes share the documents of one index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from attrs import frozen

from comparison.documents import put_vectors
from delay import delayed
from fieldfare.server import Server, connect
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.server.pipeline import exchange
from fieldfare.testing.indexing import wait_until_indexed
from fieldfare.testing.servers import start_cluster_nodes

__all__ = ["INDEX", "Loaded", "loaded_nodes"]

INDEX = "bench"


@frozen
class Loaded:
    """Nodes with documents and an index.

    Attributes:
        server: connected to them.
        url: for workers.
        pids: their processes.
    """

    server: Server
    url: str
    pids: frozenset[int]


@contextmanager
def loaded_nodes(count: int, documents: int, dims: int, delay: float = 0.0) -> Iterator[Loaded]:
    """Start nodes with documents that have a random vector each, under a FLAT index.

    The search module of the ``embedded`` extra has no cluster coordinator: the index covers the documents of one node.
    So that the documents of the others take part, each of these has an index of the same name without documents.

    Args:
        count: how many nodes; 1 is a server without a cluster.
        documents: how many documents they share.
        dims: values of a vector.
        delay: milliseconds from client to server, one way; for one node.
    """
    with ExitStack() as stack:
        if count == 1:
            nodes = [stack.enter_context(EmbeddedServer(tcp=True))]
        else:
            nodes = stack.enter_context(start_cluster_nodes(count))
        url = nodes[0].url
        with connect(url) as near:
            put_vectors(near, documents, dims)
            _create(near, dims)
            wait_until_indexed(near, INDEX)
        if delay:
            port = stack.enter_context(delayed(nodes[0].port, delay / 1000))
            url = url.replace(str(nodes[0].port), str(port))
        pids = frozenset(node.pid for node in nodes if node.pid is not None)
        yield Loaded(stack.enter_context(connect(url)), url, pids)


def _create(server: Server, dims: int) -> None:
    """Create the index on the node that has the slot of its name; on the others, an index for no documents."""
    fields = ("SCHEMA", "vec", "VECTOR", "FLAT", 6, "TYPE", "FLOAT32", "DIM", dims, "DISTANCE_METRIC", "COSINE")
    server.command("FT.CREATE", INDEX, "PREFIX", 1, "doc:", *fields)
    others = [node for node in server.nodes() if INDEX.encode() not in server.command_at(node, "FT._LIST")]
    for node in others:
        [home] = set(server.nodes()).difference(others)
        slot = server.command_at(home, "CLUSTER", "KEYSLOT", INDEX)
        # a node that takes over a slot carries out commands for it which follow ASKING
        server.command_at(node, "CLUSTER", "SETSLOT", slot, "IMPORTING", server.command_at(home, "CLUSTER", "MYID"))
        exchange(node, [("ASKING",), ("FT.CREATE", INDEX, "PREFIX", 1, "none:", *fields)])
        server.command_at(node, "CLUSTER", "SETSLOT", slot, "STABLE")
