"""A connection to a server or a cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Self

from redis import Redis, RedisCluster
from redis.exceptions import RedisError

from fieldfare.server.capabilities import Capabilities
from fieldfare.server.nodes import Cluster, HeldLock, Nodes, Standalone
from fieldfare.server.pipeline import Argument, Command, address_of, checked, exchange
from fieldfare.server.probe import read_run_id
from fieldfare.server.refusal import name_refusal
from fieldfare.server.url import Address

__all__ = ["Server"]


class Server:
    """A connection to one server or one cluster.

    Threads may share it: each call takes a connection of its own from the pool.

    Attributes:
        client: redis-py's client, for commands that need no raw replies.
        url: the URL of the server, without its password.
        address: where and as whom another process connects to it; with the password: never show, log or pickle it into
            anything but a process of one's own. None for a server that was not opened by ``connect``.
        capabilities: versions, modules and limits of the server.
    """

    def __init__(
        self,
        client: Redis | RedisCluster,
        url: str,
        capabilities: Capabilities,
        *,
        address: Address | None = None,
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.client = client
        self.url = url
        self.capabilities = capabilities
        self.address = address
        self._nodes: Nodes = Cluster(client) if isinstance(client, RedisCluster) else Standalone(client)
        self._on_close = on_close

    def command(self, *arguments: Argument) -> Any:
        """Send one command and return its raw reply, as the protocol gives it.

        In a cluster it goes to the node of its key or index.

        Raises:
            CommandNotAllowed: the user may not run it.
            redis.exceptions.ResponseError: the server answered with another error.
            redis.exceptions.ConnectionError: the server did not answer.
        """
        return checked(name_refusal(arguments, self._nodes.command(arguments)))

    def nodes(self) -> tuple[Redis, ...]:
        """Return a client for each primary; for a single server, its only one."""
        return self._nodes.primaries()

    def node_for(self, *arguments: Argument) -> Redis:
        """Return a client for the node that a command goes to; see :meth:`command`."""
        return self._nodes.node_for(arguments)

    def command_at(self, node: Redis, *arguments: Argument) -> Any:
        """Send one command to one of :meth:`nodes` and return its raw reply; raises as :meth:`command` does."""
        return checked(name_refusal(arguments, exchange(node, [arguments])[0]))

    def bulk(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands in one write per node and return their raw replies, in order.

        Args:
            commands: each a sequence whose item 1 is the key (item 3 for EVALSHA).

        Returns:
            One reply per command. An error reply is a ``redis.exceptions.ResponseError`` instance, not raised.

        Raises:
            redis.exceptions.ConnectionError: a connection broke; some commands may have been executed.
        """
        [replies] = self._nodes.stream([commands])
        return replies

    def bulk_stream(
        self, batches: Iterable[Sequence[Command]], lock: HeldLock | None = None
    ) -> Generator[list[Any], None, None]:
        """Send batch after batch as :meth:`bulk` does; the next batch is sent before the replies are yielded.

        The server works on one batch while the caller works on another. If the caller stops iterating, the batches
        that were sent are executed.

        Args:
            batches: the batches of commands.
            lock: asked for its holder along with each batch. Once it is lost, no further batch is sent.

        Raises:
            LockLost: this process no longer holds the lock; two batches may have been sent since.
        """
        return self._nodes.stream(batches, lock)

    def bulk_parts(
        self, batches: Iterable[Sequence[Command]], *, width: int, most_bytes: int
    ) -> Generator[list[Any], None, None]:
        """Send batch after batch as :meth:`bulk_stream` does, and yield the replies to each in one part or several.

        What is not read yet stays with the server. The parts of a cluster are whole batches.

        Args:
            batches: the batches of commands, none of them empty.
            width: how many replies must stay together.
            most_bytes: a part ends when its values have as many bytes.
        """
        return self._nodes.stream_parts(batches, width=width, most_bytes=most_bytes)

    def reconnect(self) -> None:
        """Close all connections and read a cluster's slot table again, for example after a failover.

        Raises:
            redis.exceptions.RedisError: no node of the cluster answers.
        """
        self._nodes.disconnect()

    def run_ids(self) -> tuple[str, ...]:
        """Return the run id of each primary, sorted. They change with a restart or a failover.

        Raises:
            redis.exceptions.RedisError: the server did not answer.
        """
        return tuple(sorted(read_run_id(node) for node in self.nodes()))

    def has_restarted_since(self, run_ids: Sequence[str]) -> bool:
        """Whether other processes answer than those with these run ids; False if this user may not ask.

        Raises:
            redis.exceptions.RedisError: the server did not answer.
        """
        found = self.run_ids()
        return all(found) and found != tuple(run_ids)

    def silent_nodes(self) -> tuple[str, ...]:
        """Return the addresses of the primaries of a cluster that do not answer; none for a single server."""
        silent = []
        for node in self.nodes() if self.capabilities.cluster else ():
            try:
                self.command_at(node, "PING")
            except RedisError:
                silent.append(address_of(node))
        return tuple(silent)

    def close(self) -> None:
        """Close all connections; stop the server if it is an embedded one."""
        for node in self._nodes.primaries():
            node.connection_pool.disconnect()
        self.client.close()
        if self._on_close is not None:
            self._on_close()
            self._on_close = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()
