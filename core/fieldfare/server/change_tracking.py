"""Which keys other clients change: the server tells, by client tracking in broadcast mode.

See https://redis.io/docs/latest/develop/reference/client-side-caching/ . No configuration of the server is needed, and
no right beyond CLIENT TRACKING.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import count
from math import inf
from secrets import token_hex
from time import monotonic
from typing import Any, Final, Self

from redis import Redis
from redis.connection import Connection
from redis.exceptions import (
    MovedError,
    ResponseError,
    TimeoutError,  # noqa: A004 - redis-py's, which is no OSError
)

from fieldfare.server.connection import Server
from fieldfare.server.pipeline import Command, acquire_connection, checked, encode, pack, receive, send, send_packed
from fieldfare.server.prefixes import disjoint_prefixes
from fieldfare.server.refusal import TRIAL_KEY

__all__ = ["ChangeTracking", "track_changes"]

CHANNEL: Final = b"__redis__:invalidate"

MARKS: Final = b"fieldfare:tracking:"
"""Keys that are written to see up to where the server has told of changes; they expire at once."""

OWN_MARKS: Final = b"fieldfare:tracking-own:"
"""Those that the connection writes which asked what others change: it is not told of what it writes itself."""

START_SECONDS: Final = 5.0
"""How long the first mark may take: a proxy may take the command and tell nothing."""

CHECK_SECONDS: Final = 0.2
"""How often it is checked that the server still has the connections which asked for it."""

MOST_IDLE_SECONDS: Final = 5.0
"""After how long the connection that asked for the marks is used: a server may close idle ones (``timeout``)."""

MOST_KEYS: Final = 100_000
"""More changed keys are not remembered: then every key counts as changed."""

MOST_ATTEMPTS: Final = 10_000
"""How many marks are tried: a cluster has up to 1,000 nodes."""


def _marks(prefix: bytes) -> Iterator[bytes]:
    """Yield marks that all have the same slot."""
    tag = token_hex(8).encode()
    return (prefix + b"{%b}:%d" % (tag, number) for number in count())


class ChangeTracking:
    """The keys that other clients have changed since it was started; a context manager.

    What this object's own :attr:`connection` writes does not count.

    A mark that is told proves that both its writer and who asked for it were connected then. Each of two connections
    asks for the marks of the other; one listener is told of both.

    Attributes:
        connection: for transactions on these keys; :meth:`send` and :meth:`receive` use it.
    """

    def __init__(self, connection: Connection, listener: Connection, marker: Connection) -> None:
        self.connection = connection
        self._listener, self._marker = listener, marker
        self._changed: set[bytes] = set()
        self._any_may_be_changed = False
        self._marks, self._own_marks = _marks(MARKS), _marks(OWN_MARKS)
        self._marked_at = self._checked_at = monotonic()
        self._resources = ExitStack()
        self._awaited = 0
        self._early: list[Any] = []

    @classmethod
    def start(cls, node: Redis, prefixes: Sequence[bytes]) -> Self:
        """Follow the keys below these prefixes.

        Raises:
            redis.exceptions.ResponseError: the server does not support it, or the user may not do it.
            redis.exceptions.TimeoutError: the server tells nothing.
            redis.exceptions.ConnectionError: the server does not answer.
        """
        with ExitStack() as undo:
            pool = node.connection_pool
            # RESP2: redis-py calls itself for each push message of RESP3 that comes in a row
            listener = pool.connection_class(**{**pool.connection_kwargs, "protocol": 2})
            undo.callback(listener.disconnect)
            listener.connect()
            [number, _] = _exchange(listener, [("CLIENT", "ID"), ("SUBSCRIBE", CHANNEL)])
            connection, marker = (undo.enter_context(acquire_connection(node)) for _ in range(2))
            tracking = ("CLIENT", "TRACKING", "ON", "REDIRECT", number, "BCAST")
            for each, asked in ((connection, [*prefixes, MARKS]), (marker, [OWN_MARKS])):
                undo.callback(each.disconnect)
                # they must not overlap; an empty one means every key, as none does
                words = [word for prefix in disjoint_prefixes(asked) if prefix for word in (b"PREFIX", prefix)]
                _exchange(each, [(*tracking, "NOLOOP", *words)])
            with suppress(MovedError):  # in a cluster, the key may be another node's
                _exchange(connection, [("WATCH", TRIAL_KEY), ("MULTI",), ("EXEC",), ("MULTI",), ("DISCARD",)])
            made = cls(connection, listener, marker)
            made._find_mark()
            made._try_own_mark()
            made._resources = undo.pop_all()
        return made

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._resources.close()

    def _find_mark(self) -> None:
        """Synchronize for the first time; in a cluster, with a mark in a slot of this node."""
        for _ in range(MOST_ATTEMPTS):
            try:
                self.synchronize(START_SECONDS)
            except MovedError:
                self._marks = _marks(MARKS)
            else:
                return
        raise ResponseError("no key was found that this node would take")

    def _try_own_mark(self) -> None:
        """Look once as transactions do, while nothing depends on it."""
        mark, writing = self.make_mark()
        self.send([writing])
        with suppress(MovedError):  # a cluster has no transactions of ours
            checked(*self.receive(1))
            self.synchronize(START_SECONDS, mark=mark)

    def send(self, commands: Sequence[bytes]) -> None:
        """Send packed commands; raises as :func:`fieldfare.server.pipeline.send_packed`."""
        self._awaited += len(commands)
        send_packed(self.connection, commands)

    def receive(self, count: int) -> list[Any]:
        """Read the replies to commands of :meth:`send`; as :func:`fieldfare.server.pipeline.receive`."""
        early, self._early = self._early[:count], self._early[count:]
        replies = [*early, *receive(self.connection, count - len(early))]
        self._awaited -= count
        return replies

    def has_news(self, timeout: float) -> bool:
        """Whether the server tells something within some seconds.

        Raises:
            redis.exceptions.ConnectionError: a connection broke.
        """
        self._require_connection()
        return bool(self._listener.can_read(timeout=timeout))

    def collect(self) -> None:
        """Take what the server has told so far, so that it need not keep it.

        Raises:
            redis.exceptions.ConnectionError: the connection broke.
        """
        while self._listener.can_read(timeout=0):
            self._take(self._listener.read_response())

    def make_mark(self) -> tuple[bytes, bytes]:
        """Return a mark for :meth:`synchronize`, and the packed command with which :attr:`connection` writes it.

        Raises:
            redis.exceptions.ConnectionError: a connection broke.
        """
        if monotonic() - self._marked_at > MOST_IDLE_SECONDS:
            self._mark()
        mark = next(self._own_marks)
        return mark, pack(_writing(mark))

    def _mark(self) -> bytes:
        """Write a mark, and return it."""
        mark = next(self._marks)
        _exchange(self._marker, [_writing(mark)])
        self._marked_at = monotonic()
        return mark

    def synchronize(self, timeout: float | None = None, *, mark: bytes | None = None) -> None:
        """Wait until every change is known that was made before this call, or before a mark was written.

        The server tells the changes of some time together, in one message for each prefix. So a key is marked after
        them; once the mark is told, so is all that was changed before it, but for messages of other prefixes that
        follow it at once. A PING is answered behind these.

        Args:
            timeout: seconds to wait; None for as long as for any reply.
            mark: one of :meth:`make_mark` that the server has written; None to write one.

        Raises:
            redis.exceptions.ResponseError: the server refuses the mark.
            redis.exceptions.TimeoutError: the mark is not told.
            redis.exceptions.ConnectionError: the connection broke.
        """
        if mark is None:
            mark = self._mark()
        limit = self._listener.socket_timeout if timeout is None else timeout
        deadline = inf if limit is None else monotonic() + limit
        while mark not in self._take(self._read(deadline)):
            pass
        self._listener.send_command("PING")  # type: ignore[no-untyped-call]  # redis-py's own gap
        while (message := self._read(deadline))[0] != b"pong":
            self._take(message)

    def may_be_changed(self, key: bytes) -> bool:
        """Whether another client may have changed a key."""
        return self._any_may_be_changed or key in self._changed

    def changed_keys(self) -> frozenset[bytes] | None:
        """Return the keys that were changed until now; None if any may be. Raises as :meth:`synchronize`."""
        self.synchronize()
        return None if self._any_may_be_changed else frozenset(self._changed)

    def take_changed(self) -> set[bytes] | None:
        """Return the keys that were changed since the last call, and forget them; None if any may be."""
        changed, is_known = self._changed, not self._any_may_be_changed
        self._changed, self._any_may_be_changed = set(), False
        return changed if is_known else None

    def _read(self, deadline: float) -> Any:
        """Return the next message; the connections are checked also while others' changes are told all the time."""
        while True:
            is_told = self._listener.can_read(timeout=CHECK_SECONDS)
            now = monotonic()
            if not is_told or now - self._checked_at > CHECK_SECONDS:
                self._require_connection()
                self._checked_at = now
            if now > deadline:
                raise TimeoutError("the server tells nothing of a key that was changed")
            if is_told:
                return self._listener.read_response()

    def _require_connection(self) -> None:
        """Check that the server has closed no connection that asked for tracking: the listener's stays open then.

        That is seen behind the replies that came before.

        Raises:
            redis.exceptions.ConnectionError: it has.
        """
        self._marker.can_read(timeout=0)
        while self.connection.can_read(timeout=0) and len(self._early) < self._awaited:
            self._early += receive(self.connection, 1)

    def _take(self, message: Any) -> Sequence[bytes]:
        """Remember the keys that a message names, and return them."""
        keys: Sequence[bytes] | None = message[2]
        if keys is None:  # FLUSHALL, FLUSHDB
            self._any_may_be_changed = True
            return ()
        self._changed.update(key for key in keys if not key.startswith((MARKS, OWN_MARKS)))
        if len(self._changed) > MOST_KEYS:
            self._any_may_be_changed = True
            self._changed.clear()
        return keys


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
    except (ResponseError, TimeoutError):
        return None


def _writing(mark: bytes) -> Command:
    return ("SET", mark, b"", "PX", 1)


def _exchange(connection: Connection, commands: Sequence[Command]) -> list[Any]:
    send(connection, commands)
    replies = receive(connection, len(commands))
    for reply in replies:
        if isinstance(reply, ResponseError):
            raise reply
    return replies
