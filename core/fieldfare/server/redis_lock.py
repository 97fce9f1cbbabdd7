"""redis-py's lock, with fewer rights: it needs GET, SET, PEXPIRE, and EVAL or transactions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from redis.exceptions import LockNotOwnedError
from redis.lock import Lock

from fieldfare.server.connection import Server
from fieldfare.server.permissions import require_allowed
from fieldfare.server.pipeline import encode
from fieldfare.server.refusal import TRIAL_KEY, CommandNotAllowed
from fieldfare.server.transaction import Decision, transact

__all__ = ["RedisLock"]

EXPIRE_IF_EQUAL: Final = b"""\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
"""


class RedisLock(Lock):
    """A lock that only its holder renews and removes: with a script, or in a transaction if scripts are not allowed.

    It is removed by letting it expire at once.

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

    def do_acquire(self, token: str) -> bool:
        """Take the lock, if nobody holds it and it could be renewed and removed again.

        Raises:
            CommandNotAllowed: it could not.
        """
        self.require_rights()
        return self._server.command("SET", self._key, token, "NX", "PX", self._milliseconds) is not None

    def require_rights(self) -> None:
        """See whether the user may take, renew and remove this lock.

        Raises:
            CommandNotAllowed: the user may not.
        """
        require_allowed(self._server, [("GET", self._key), ("SET", TRIAL_KEY, b"", "XX"), ("PEXPIRE", TRIAL_KEY, 1)])
        self._expire_if_equal(TRIAL_KEY, None, 1)

    def do_release(self, expected_token: str | bytes) -> None:
        """Remove the lock if it is the one with this token.

        Raises:
            LockNotOwnedError: it is not.
        """
        self._expire(expected_token, 0)

    def do_reacquire(self) -> Literal[True]:
        """Renew the lock if this process still holds it.

        Raises:
            LockNotOwnedError: it does not.
        """
        self._expire(self.local.token or b"", self._milliseconds)
        return True

    def _expire(self, token: str | bytes, milliseconds: int) -> None:
        if not self._expire_if_equal(self._key, encode(token), milliseconds):
            raise LockNotOwnedError("The lock is not, or no longer, held with this token")

    def _expire_if_equal(self, name: bytes, value: bytes | None, milliseconds: int) -> bool:
        """Let a key expire if it has this value; None for a key that does not exist, to see whether the user may."""

        def decide(key: bytes, replies: Sequence[Any]) -> Decision[bool]:
            is_equal = replies[0] == value
            return is_equal, [("PEXPIRE", key, milliseconds)] if is_equal else []

        try:
            return bool(self._server.command("EVAL", EXPIRE_IF_EQUAL, 1, name, value or b"", milliseconds))
        except CommandNotAllowed as refusal:
            try:
                [is_equal] = transact(self._server, [name], lambda key: [("GET", key)], decide)
            except CommandNotAllowed as error:
                raise refusal.or_else(error) from error
            return is_equal
