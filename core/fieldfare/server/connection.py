"""A connection to a server, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from redis import Redis, RedisCluster
from redis.exceptions import ResponseError

from fieldfare.server.capabilities import Capabilities
from fieldfare.server.nodes import Cluster, Nodes, Single
from fieldfare.server.probe import process_of
from fieldfare.wire import Argument, Command, exchange

__all__ = ["Server"]


class Server:
    """A connection to one server or one cluster.

    Threads may share it: each exchange takes a connection of its own from the pool.

    Attributes:
        client: redis-py's client, for what needs no raw replies.
        url: where the server is, without its password.
        capabilities: what it can do.
    """

    def __init__(
        self,
        client: Redis | RedisCluster,
        url: str,
        capabilities: Capabilities,
        *,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.client = client
        self.url = url
        self.capabilities = capabilities
        self._nodes: Nodes = Cluster(client) if isinstance(client, RedisCluster) else Single(client)
        self._on_close = on_close

    def command(self, *arguments: Argument) -> Any:
        """Send one command and return its raw reply, as the protocol gives it.

        In a cluster it goes to the node of its key or index.

        Raises:
            redis.exceptions.ResponseError: the server answered with an error.
            redis.exceptions.ConnectionError: there was no answer.
        """
        reply = self._nodes.command(arguments)
        if isinstance(reply, ResponseError):
            raise reply
        return reply

    def nodes(self) -> tuple[Redis, ...]:
        """Return a client for each primary; for a single server, its only one."""
        return self._nodes.primaries()

    def command_at(self, node: Redis, *arguments: Argument) -> Any:
        """Send one command to one of :meth:`nodes` and return its raw reply; raises as :meth:`command` does."""
        reply = exchange(node, [arguments])[0]
        if isinstance(reply, ResponseError):
            raise reply
        return reply

    def bulk(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands in one write per node and return their raw replies, in order.

        Args:
            commands: each a sequence whose item 1 is the key (item 3 for EVALSHA).

        Returns:
            One reply per command. An error reply is a ``redis.exceptions.ResponseError`` instance, not raised.

        Raises:
            redis.exceptions.ConnectionError: a connection broke; some commands may have been carried out.
        """
        [replies] = self._nodes.stream([commands])
        return replies

    def bulk_stream(self, batches: Iterable[Sequence[Command]]) -> Generator[list[Any], None, None]:
        """Do as :meth:`bulk` does for batch after batch; the next batch is sent before replies are given.

        So the server works while the caller does. Leaving early loses nothing but replies.
        """
        return self._nodes.stream(batches)

    def reconnect(self) -> None:
        """Forget all connections, and where the slots of a cluster were: after a failover, both are others.

        Raises:
            redis.exceptions.RedisError: no node of a cluster answers.
        """
        self._nodes.forget()

    def processes(self) -> tuple[str, ...]:
        """Return the run id of each primary, sorted: other ones after a restart or a failover.

        Raises:
            redis.exceptions.RedisError: there was no answer.
        """
        return tuple(sorted(process_of(node) for node in self.nodes()))

    def close(self) -> None:
        """Close all connections, and stop an embedded server."""
        for node in self._nodes.primaries():
            node.connection_pool.disconnect()
        self.client.close()
        if self._on_close is not None:
            self._on_close()
            self._on_close = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close."""
        self.close()
