"""Which keys other clients change: the server tells, by client tracking in broadcast mode.

See https://redis.io/docs/latest/develop/reference/client-side-caching/ . No configuration of the server is needed, and
no right beyond CLIENT TRACKING.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Final, Self

from redis import Redis
from redis.connection import Connection
from redis.exceptions import ResponseError

from fieldfare.server.connection import Server
from fieldfare.server.pipeline import Command, acquire_connection, encode, receive, send
from fieldfare.server.refusal import TRIAL_KEY

__all__ = ["ChangeTracking", "track_changes"]

CHANNEL: Final = b"__redis__:invalidate"

MOST_KEYS: Final = 100_000
"""More changed keys are not remembered: then every key counts as changed."""


class ChangeTracking:
    """The keys that other clients have changed since it was started; a context manager.

    What this object's own :attr:`connection` writes does not count.

    Attributes:
        connection: for transactions on these keys.
    """

    def __init__(self, connection: Connection, listener: Connection) -> None:
        self.connection = connection
        self._listener = listener
        self._changed: set[bytes] = set()
        self._any_may_be_changed = False
        self._resources = ExitStack()

    @classmethod
    def start(cls, node: Redis, prefixes: Sequence[bytes]) -> Self:
        """Follow the keys below these prefixes.

        Raises:
            redis.exceptions.ResponseError: the server does not support it, or the user may not do it.
            redis.exceptions.ConnectionError: the server does not answer.
        """
        with ExitStack() as undo:
            pool = node.connection_pool
            # RESP2: redis-py calls itself for each push message of RESP3 that comes in a row
            listener = pool.connection_class(**{**pool.connection_kwargs, "protocol": 2})
            undo.callback(listener.disconnect)
            listener.connect()
            [number, _] = _exchange(listener, [("CLIENT", "ID"), ("SUBSCRIBE", CHANNEL)])
            connection = undo.enter_context(acquire_connection(node))
            undo.callback(connection.disconnect)
            broad = [word for prefix in _shortest(prefixes) for word in (b"PREFIX", prefix)]
            tracking = ("CLIENT", "TRACKING", "ON", "REDIRECT", number, "BCAST", "NOLOOP", *broad)
            _exchange(connection, [tracking, ("WATCH", TRIAL_KEY), ("MULTI",), ("EXEC",)])
            made = cls(connection, listener)
            made._resources = undo.pop_all()
        return made

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close both connections."""
        self._resources.close()

    def collect(self) -> None:
        """Take what the server has told so far, so that it need not keep it.

        Raises:
            redis.exceptions.ConnectionError: the connection broke.
        """
        while self._listener.can_read(timeout=0):
            self._take(self._listener.read_response())

    def synchronize(self) -> None:
        """Wait until every change is known that was made before the server's last reply on :attr:`connection`.

        The server tells changes before it sends the replies of the same round, and answers in order: what comes after
        such a reply is answered after they were told.

        Raises:
            redis.exceptions.ConnectionError: the connection broke.
        """
        self._listener.send_command("PING")  # type: ignore[no-untyped-call]  # redis-py's own gap
        while (message := self._listener.read_response())[0] != b"pong":
            self._take(message)

    def may_be_changed(self, key: bytes) -> bool:
        """Whether another client may have changed a key."""
        return self._any_may_be_changed or key in self._changed

    def _take(self, message: Any) -> None:
        _, _, keys = message
        if keys is None:  # FLUSHALL, FLUSHDB
            self._any_may_be_changed = True
        else:
            self._changed.update(keys)
        if len(self._changed) > MOST_KEYS:
            self._any_may_be_changed = True
            self._changed.clear()


def track_changes(server: Server, prefixes: Sequence[str]) -> ChangeTracking | None:
    """Follow which keys are changed; None where nothing could be written with it.

    That is where the server cannot tell; where it has no HSETEX; and in a cluster, whose transactions have keys of one
    slot, so that there would be nearly as many as documents.

    Raises:
        redis.exceptions.ConnectionError: the server does not answer.
    """
    if server.capabilities.cluster or not server.capabilities.has_hsetex:
        return None
    [node] = server.nodes()
    try:
        return ChangeTracking.start(node, [encode(prefix) for prefix in prefixes])
    except ResponseError:
        return None


def _shortest(prefixes: Sequence[bytes]) -> list[bytes]:
    """Return the prefixes that start with no other one, for they must not overlap; none if every key is meant."""
    return [
        each
        for each in dict.fromkeys(prefixes)
        if each and not any(each != other and each.startswith(other) for other in prefixes)
    ]


def _exchange(connection: Connection, commands: Sequence[Command]) -> list[Any]:
    send(connection, commands)
    replies = receive(connection, len(commands))
    for reply in replies:
        if isinstance(reply, ResponseError):
            raise reply
    return replies
