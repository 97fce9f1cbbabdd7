"""The nodes behind a connection: sends each command to its node and reads the replies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain
from time import sleep
from typing import Any, Final, Protocol

from redis import Redis, RedisCluster
from redis.cluster import ClusterNode
from redis.connection import Connection
from redis.exceptions import AskError, MovedError, ResponseError, TryAgainError

from fieldfare.server.pipeline import Command, acquire_connection, exchange, receive, receive_parts, send
from fieldfare.server.refusal import name_refusals
from fieldfare.server.routing import ROUTE_EVERYWHERE, command_name, route

__all__ = ["LARGE_BATCH", "Cluster", "HeldLock", "Nodes", "Standalone"]

REDIRECTIONS: Final = 16
"""How many redirections (MOVED, ASK, TRYAGAIN) one command follows."""

LARGE_BATCH: Final = 8 << 20
"""Bytes of commands that are not sent before the replies to the batch before them are read."""

SETTLE_SECONDS: Final = 0.05
"""Pause before the next attempt on a slot that is being moved."""


class HeldLock(Protocol):
    """A lock that must not be lost while commands are sent."""

    @property
    def command(self) -> Command:
        """The command that asks for the holder."""

    def confirm(self, holder: Any) -> None:
        """Take the answer.

        Raises:
            LockLost: this process no longer holds the lock.
        """


class Nodes(ABC):
    """One server or the primaries of a cluster."""

    @abstractmethod
    def primaries(self) -> tuple[Redis, ...]:
        """Return a client for each primary."""

    @abstractmethod
    def command(self, command: Command) -> Any:
        """Return the raw reply to one command; an error reply is returned, not raised."""

    @abstractmethod
    def disconnect(self) -> None:
        """Close all connections. The next command opens new ones, to the current address of the server."""

    @abstractmethod
    def node_for(self, command: Command) -> Redis:
        """Return the node that gets a command."""

    def stream(
        self, batches: Iterable[Sequence[Command]], lock: HeldLock | None = None
    ) -> Generator[list[Any], None, None]:
        """Yield the replies to each batch, after the next batch has been sent."""
        with ExitStack() as stack:
            connections: dict[Redis, Connection] = {}
            sent: list[tuple[Connection, Sequence[int]]] = []
            before: Sequence[Command] | None = None
            for batch in batches:
                commands = batch if lock is None else [*batch, lock.command]
                sending = [(self._connection(node, connections, stack), rows) for node, rows in self._split(commands)]
                size = sum(send(connection, [commands[row] for row in rows]) for connection, rows in sending)
                if before is not None:
                    yield self._answers(before, sent, lock)
                before, sent = commands, sending
                del batch, commands
                if size > LARGE_BATCH:  # two of them would take too much memory
                    yield self._answers(before, sent, lock)
                    before = None
            if before is not None:
                yield self._answers(before, sent, lock)

    def stream_parts(
        self,
        batches: Iterable[Sequence[Command]],
        *,
        width: int,  # noqa: ARG002 - whole batches are not cut
        most_bytes: int,  # noqa: ARG002 - as above
    ) -> Generator[list[Any], None, None]:
        """Yield the replies to each batch, in several parts if they are large and the node is the only one."""
        return self.stream(batches)

    def _answers(
        self, commands: Sequence[Command], sent: Sequence[tuple[Connection, Sequence[int]]], lock: HeldLock | None
    ) -> list[Any]:
        replies = name_refusals(commands, self._replies(commands, sent))
        if lock is not None:
            lock.confirm(replies.pop())
        return replies

    def _connection(self, node: Redis, connections: dict[Redis, Connection], stack: ExitStack) -> Connection:
        if node not in connections:
            connections[node] = stack.enter_context(acquire_connection(node))
        return connections[node]

    def _split(self, commands: Sequence[Command]) -> Iterable[tuple[Redis, Sequence[int]]]:
        groups: dict[Redis, list[int]] = {}
        for row, command in enumerate(commands):
            groups.setdefault(self.node_for(command), []).append(row)
        return groups.items()

    def _replies(self, commands: Sequence[Command], sent: Sequence[tuple[Connection, Sequence[int]]]) -> list[Any]:
        if len(sent) == 1:
            return receive(sent[0][0], len(commands))
        replies: list[Any] = [None] * len(commands)
        for connection, rows in sent:
            for row, reply in zip(rows, receive(connection, len(rows)), strict=True):
                replies[row] = reply
        return replies


class Standalone(Nodes):
    """One server."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def primaries(self) -> tuple[Redis, ...]:
        """Return the only client."""
        return (self._client,)

    def disconnect(self) -> None:
        """Close all connections; a pool of a sentinel looks up the primary again."""
        self._client.connection_pool.disconnect()

    def command(self, command: Command) -> Any:
        """Return the raw reply."""
        return exchange(self._client, [command])[0]

    def node_for(self, command: Command) -> Redis:  # noqa: ARG002 - there is no choice
        """Return the only client."""
        return self._client

    def stream_parts(
        self, batches: Iterable[Sequence[Command]], *, width: int, most_bytes: int
    ) -> Generator[list[Any], None, None]:
        """Yield the replies to each batch, in several parts if they are large."""
        with acquire_connection(self._client) as connection:

            def parts(commands: Sequence[Command]) -> Iterator[list[Any]]:
                start = 0
                for replies in receive_parts(connection, len(commands), width=width, most_bytes=most_bytes):
                    first, start = start, start + len(replies)
                    yield name_refusals(commands[first:start], replies)  # the caller may clear the list

            before: Sequence[Command] = ()
            for batch in batches:
                send(connection, batch)
                if before:
                    yield from parts(before)
                before = batch
            if before:
                yield from parts(before)

    def _split(self, commands: Sequence[Command]) -> Iterable[tuple[Redis, Sequence[int]]]:
        return [(self._client, range(len(commands)))]


class Cluster(Nodes):
    """The primaries of a cluster."""

    def __init__(self, client: RedisCluster) -> None:
        self._client: Any = client  # redis-py leaves its methods untyped

    def primaries(self) -> tuple[Redis, ...]:
        """Return a client for each primary, in the order of their addresses."""
        nodes = sorted(self._client.get_primaries(), key=lambda node: str(node.name))
        return tuple(self._client_of(node) for node in nodes)

    def disconnect(self) -> None:
        """Close all connections, and read the slot table again."""
        for node in self.primaries():
            node.connection_pool.disconnect()
        self._client.nodes_manager.initialize()

    def node_for(self, command: Command) -> Redis:
        """Return the node of the command's key or index."""
        key = route(command)
        return self._client_of(self._client.get_default_node() if key is None else self._client.get_node_from_key(key))

    def command(self, command: Command) -> Any:
        """Return the raw reply; for commands of ``ROUTE_EVERYWHERE`` the combined replies of all primaries."""
        if command_name(command[0]) not in ROUTE_EVERYWHERE:
            return self._follow_redirections(command, exchange(self.node_for(command), [command])[0])
        replies = [exchange(node, [command])[0] for node in self.primaries()]
        errors = [reply for reply in replies if isinstance(reply, ResponseError)]
        return errors[0] if errors else list(dict.fromkeys(chain.from_iterable(replies)))

    def _follow_redirections(self, command: Command, reply: Any) -> Any:
        """Follow MOVED, ASK and TRYAGAIN."""
        for _ in range(REDIRECTIONS):
            if isinstance(reply, MovedError):
                self._update_slots(reply)
                reply = exchange(self._redirection_target(reply) or self.node_for(command), [command])[0]
            elif isinstance(reply, AskError):
                reply = exchange(self._redirection_target(reply) or self.node_for(command), [("ASKING",), command])[1]
            elif isinstance(reply, TryAgainError):
                sleep(SETTLE_SECONDS)
                reply = exchange(self.node_for(command), [command])[0]
            else:
                break
        return reply

    def _replies(self, commands: Sequence[Command], sent: Sequence[tuple[Connection, Sequence[int]]]) -> list[Any]:
        replies = super()._replies(commands, sent)
        return [self._follow_redirections(command, reply) for command, reply in zip(commands, replies, strict=True)]

    def _update_slots(self, moved: MovedError) -> None:
        """Read the slot table again, unless it already has the slot's new node."""
        known = self._client.nodes_manager.get_node_from_slot(moved.slot_id)
        if (known.host, known.port) != (moved.host, moved.port):
            self._client.nodes_manager.initialize()

    def _redirection_target(self, error: AskError) -> Redis | None:
        node = self._client.get_node(host=error.host, port=error.port) if error.host else None
        return None if node is None else self._client_of(node)

    def _client_of(self, node: ClusterNode) -> Redis:
        client: Redis = self._client.get_redis_connection(node)
        return client
