"""The nodes behind a connection: which one a command goes to, and what they answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack
from itertools import chain
from time import sleep
from typing import Any, Final

from redis import Redis, RedisCluster
from redis.cluster import ClusterNode
from redis.connection import Connection
from redis.exceptions import AskError, MovedError, ResponseError, TryAgainError

from fieldfare.server.routing import ROUTE_EVERYWHERE, command_name, route
from fieldfare.wire import Command, borrow, exchange, receive, send

__all__ = ["Cluster", "Nodes", "Single"]

REDIRECTIONS: Final = 16
"""How often one command follows the cluster's directions, as many as redis-cli's successors allow."""

SETTLE_SECONDS: Final = 0.05
"""How long a slot that is being moved is left alone before the next try."""


class Nodes(ABC):
    """One server or the primaries of a cluster."""

    @abstractmethod
    def primaries(self) -> tuple[Redis, ...]:
        """Return a client for each primary."""

    @abstractmethod
    def command(self, command: Command) -> Any:
        """Return the raw reply to one command; an error reply as an instance."""

    @abstractmethod
    def forget(self) -> None:
        """Close all connections; the next ones are new, to wherever the server is then."""

    @abstractmethod
    def target(self, command: Command) -> Redis:
        """Return the node that a command goes to."""

    def stream(self, batches: Iterable[Sequence[Command]]) -> Generator[list[Any], None, None]:
        """Yield the replies to each batch, after the next batch has been sent."""
        with ExitStack() as stack:
            connections: dict[Redis, Connection] = {}
            sent: list[tuple[Connection, Sequence[int]]] = []
            before: Sequence[Command] | None = None
            for commands in batches:
                sending = [(self._connection(node, connections, stack), rows) for node, rows in self._split(commands)]
                for connection, rows in sending:
                    send(connection, [commands[row] for row in rows])
                if before is not None:
                    yield self._replies(before, sent)
                before, sent = commands, sending
            if before is not None:
                yield self._replies(before, sent)

    def _connection(self, node: Redis, connections: dict[Redis, Connection], stack: ExitStack) -> Connection:
        if node not in connections:
            connections[node] = stack.enter_context(borrow(node))
        return connections[node]

    def _split(self, commands: Sequence[Command]) -> Iterable[tuple[Redis, Sequence[int]]]:
        groups: dict[Redis, list[int]] = {}
        for row, command in enumerate(commands):
            groups.setdefault(self.target(command), []).append(row)
        return groups.items()

    def _replies(self, commands: Sequence[Command], sent: Sequence[tuple[Connection, Sequence[int]]]) -> list[Any]:
        if len(sent) == 1:
            return receive(sent[0][0], len(commands))
        replies: list[Any] = [None] * len(commands)
        for connection, rows in sent:
            for row, reply in zip(rows, receive(connection, len(rows)), strict=True):
                replies[row] = reply
        return replies


class Single(Nodes):
    """One server."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def primaries(self) -> tuple[Redis, ...]:
        """Return the only client."""
        return (self._client,)

    def forget(self) -> None:
        """Close all connections; a pool of a sentinel asks for the primary anew."""
        self._client.connection_pool.disconnect()

    def command(self, command: Command) -> Any:
        """Return the raw reply."""
        return exchange(self._client, [command])[0]

    def target(self, command: Command) -> Redis:  # noqa: ARG002 - there is no choice
        """Return the only client."""
        return self._client

    def _split(self, commands: Sequence[Command]) -> Iterable[tuple[Redis, Sequence[int]]]:
        return [(self._client, range(len(commands)))]


class Cluster(Nodes):
    """The primaries of a cluster."""

    def __init__(self, client: RedisCluster) -> None:
        self._client: Any = client  # redis-py leaves its methods untyped

    def primaries(self) -> tuple[Redis, ...]:
        """Return a client for each primary, in the order of their addresses."""
        nodes = sorted(self._client.get_primaries(), key=lambda node: str(node.name))
        return tuple(self._at(node) for node in nodes)

    def forget(self) -> None:
        """Close all connections, and read the slot table again."""
        for node in self.primaries():
            node.connection_pool.disconnect()
        self._client.nodes_manager.initialize()

    def target(self, command: Command) -> Redis:
        """Return the node of the command's key or index."""
        key = route(command)
        return self._at(self._client.get_default_node() if key is None else self._client.get_node_from_key(key))

    def command(self, command: Command) -> Any:
        """Return the raw reply; that of all primaries, if each answers for itself."""
        if command_name(command[0]) not in ROUTE_EVERYWHERE:
            return self._redirected(command, exchange(self.target(command), [command])[0])
        replies = [exchange(node, [command])[0] for node in self.primaries()]
        errors = [reply for reply in replies if isinstance(reply, ResponseError)]
        return errors[0] if errors else list(dict.fromkeys(chain.from_iterable(replies)))

    def _redirected(self, command: Command, reply: Any) -> Any:
        """Follow MOVED, ASK and TRYAGAIN."""
        for _ in range(REDIRECTIONS):
            if isinstance(reply, MovedError):
                self._learn(reply)
                reply = exchange(self._named(reply) or self.target(command), [command])[0]
            elif isinstance(reply, AskError):
                reply = exchange(self._named(reply) or self.target(command), [("ASKING",), command])[1]
            elif isinstance(reply, TryAgainError):
                sleep(SETTLE_SECONDS)
                reply = exchange(self.target(command), [command])[0]
            else:
                break
        return reply

    def _replies(self, commands: Sequence[Command], sent: Sequence[tuple[Connection, Sequence[int]]]) -> list[Any]:
        replies = super()._replies(commands, sent)
        return [self._redirected(command, reply) for command, reply in zip(commands, replies, strict=True)]

    def _learn(self, moved: MovedError) -> None:
        """Read the slot table again, unless it already says where the slot went."""
        known = self._client.nodes_manager.get_node_from_slot(moved.slot_id)
        if (known.host, known.port) != (moved.host, moved.port):
            self._client.nodes_manager.initialize()

    def _named(self, error: AskError) -> Redis | None:
        node = self._client.get_node(host=error.host, port=error.port) if error.host else None
        return None if node is None else self._at(node)

    def _at(self, node: ClusterNode) -> Redis:
        client: Redis = self._client.get_redis_connection(node)
        return client
