"""The lock on an index as a worker sees it whose coordinator holds it."""

from __future__ import annotations

import time

from redis.exceptions import ResponseError

from fieldfare.errors import LockLost
from fieldfare.server.connection import Server
from fieldfare.server.lock import describe_lock, holder_digest, lock_command
from fieldfare.server.pipeline import Command

__all__ = ["FollowedLock"]


class FollowedLock:
    """A lock that another process holds, and without which this one must not write.

    Once the coordinator has ended, or another run has taken the index, no further batch is written.

    Args:
        server: where the index lives.
        index: its name.
        holder: of :func:`~fieldfare.server.lock.holder_digest`.
    """

    def __init__(self, server: Server, index: str, holder: str) -> None:
        self.index = index
        self._server = server
        self._holder = holder
        self._confirmed_at = 0.0

    def check(self, max_age: float = 0.0) -> None:
        """Ask the server whether the coordinator still holds the lock; ``max_age`` as for ``IndexLock.check``.

        Raises:
            LockLost: it does not.
            redis.exceptions.RedisError: the server does not answer.
        """
        if time.monotonic() - self._confirmed_at >= max_age:
            self.confirm(self._server.command(*self.command))

    @property
    def command(self) -> Command:
        """The command that asks for the holder."""
        return lock_command(self.index)

    def confirm(self, holder: bytes | ResponseError | None) -> None:
        """Take the server's answer to :attr:`command`.

        Raises:
            LockLost: another process holds the lock, or none.
            redis.exceptions.ResponseError: the server refused to answer.
        """
        if isinstance(holder, ResponseError):
            raise holder
        if holder is None or holder_digest(holder) != self._holder:
            raise LockLost(f"the index {self.index!r}", "no process" if holder is None else describe_lock(holder))
        self._confirmed_at = time.monotonic()

    def renew(self) -> None:
        """Do nothing: the coordinator renews it."""
