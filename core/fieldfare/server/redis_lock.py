"""redis-py's lock, which also works for users who may not run scripts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from redis.exceptions import LockNotOwnedError, NoPermissionError
from redis.lock import Lock

from fieldfare.server.connection import Server
from fieldfare.server.pipeline import Command, encode
from fieldfare.server.transaction import Decision, transact

__all__ = ["RedisLock"]


class RedisLock(Lock):
    """A lock that only its holder renews and removes: with a script, or in a transaction if scripts are not allowed.

    Args:
        server: where the lock is.
        name: its key.
        seconds: how long it lasts.
    """

    def __init__(self, server: Server, name: bytes, seconds: float) -> None:
        key: Any = name  # redis-py says str and takes bytes
        super().__init__(server.client, key, timeout=seconds, blocking=False, thread_local=False)
        self._server, self._key = server, name
        self._milliseconds = int(seconds * 1000)

    def do_release(self, expected_token: str | bytes) -> None:
        """Remove the lock if it is the one with this token.

        Raises:
            LockNotOwnedError: it is not.
        """
        try:
            super().do_release(expected_token)  # type: ignore[arg-type]  # redis-py says str and takes bytes
        except NoPermissionError:
            self._if_owned(expected_token, [(b"DEL", self._key)])

    def do_reacquire(self) -> Literal[True]:
        """Renew the lock if this process still holds it.

        Raises:
            LockNotOwnedError: it does not.
        """
        try:
            return super().do_reacquire()
        except NoPermissionError:
            self._if_owned(self.local.token or b"", [(b"PEXPIRE", self._key, self._milliseconds)])
        return True

    def _if_owned(self, token: str | bytes, writes: Sequence[Command]) -> None:
        def decide(_: bytes, replies: Sequence[Any]) -> Decision[bool]:
            owned = replies[0] == encode(token)
            return owned, writes if owned else []

        if transact(self._server, [self._key], lambda key: [(b"GET", key)], decide) != [True]:
            raise LockNotOwnedError("The lock is not, or no longer, held with this token")
