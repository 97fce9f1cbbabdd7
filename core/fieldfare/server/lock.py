"""One migrator per index: a lock in Redis that names who holds it."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any, Final, Self
from uuid import uuid4

from redis.exceptions import LockError, RedisError, ResponseError

from fieldfare.errors import LockHeld, LockLost
from fieldfare.server.connection import Server
from fieldfare.server.pipeline import Command, encode
from fieldfare.server.process import Process, this_process
from fieldfare.server.redis_lock import RedisLock
from fieldfare.support.fault_points import OUTSIDE, during

__all__ = ["IndexLock", "describe_lock", "holder_digest", "lock_command", "lock_holder"]

PREFIX: Final = b"fieldfare:lock:"
LOCK_SECONDS: Final = 30.0

CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Counts while the machine sleeps, as the server's clock does. Not every system has ``CLOCK_BOOTTIME``."""

_UNRELEASED: Final[set[bytes]] = set()
"""Tokens of locks that this process could not release, because the server did not answer."""


class IndexLock:
    """A lock on an index, as a context manager. A thread of its own renews it.

    If the holder was a process of this machine that has ended, the lock is removed at once. Otherwise it expires
    ``seconds`` after its holder has ended.

    Args:
        server: the server of the index.
        index: its name.
        backup_dir: stored in the lock; shown to processes that find the lock held.
        seconds: how long the lock lasts if it is not renewed.
    """

    def __init__(self, server: Server, index: str, *, backup_dir: str, seconds: float = LOCK_SECONDS) -> None:
        self.index = index
        self._server = server
        self._seconds = seconds
        self._name = PREFIX + encode(index)
        self._token = json.dumps(
            {
                "host": this_process().host,
                "pid": this_process().pid,
                "started": datetime.now(UTC).isoformat(timespec="seconds"),
                "backup_dir": backup_dir,
                "nonce": uuid4().hex,
                "machine": this_process().machine,
                "birth": this_process().start_ticks,
            }
        )
        self._lock = self._redis_lock()
        self._stop = Event()
        self._renewal = Thread(target=self._renew_until_stopped, name=f"fieldfare lock on {index}", daemon=True)
        self._lost = False
        self._renewed_at = self._confirmed_at = 0.0

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            LockHeld: another process holds it.
        """
        self._acquire()
        self._renewal.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Release the lock, if this process still holds it."""
        self._stop.set()
        self._renewal.join()
        try:
            self._lock.release()
        except LockError:
            return  # it has expired; another process may hold it
        except RedisError:
            _UNRELEASED.add(encode(self._token))

    @property
    def holder(self) -> str:
        """What names this holder to workers: see :func:`holder_digest`."""
        return holder_digest(encode(self._token))

    def require_rights(self) -> None:
        """See whether the user may take this lock.

        Raises:
            CommandNotAllowed: the user may not.
        """
        self._lock.require_rights()

    def renew(self) -> None:
        """Renew the lock after the server did not answer; acquire it again if the server lost it or it expired.

        Raises:
            LockHeld: another process holds it now.
            redis.exceptions.RedisError: the server does not answer.
        """
        started = _now()
        try:
            self._lock.reacquire()
            self._renewed_at = started
        except LockError:
            self._acquire()
        self._lost = False

    def _acquire(self) -> None:
        started = _now()
        while not self._lock.acquire(token=self._token):
            holder = self._server.command(b"GET", self._name)
            if holder is not None and not self._remove_stale_lock(holder):
                raise LockHeld(self._what, describe_lock(holder))
            started = _now()
        self._renewed_at = started

    def check(self, max_age: float = 0.0) -> None:
        """Ask the server whether this process still holds the lock.

        Args:
            max_age: seconds for which an earlier answer is good enough.

        Raises:
            LockLost: it does not, or the server has not confirmed it for longer than the lock lasts.
            redis.exceptions.RedisError: the server does not answer.
        """
        if self._may_be_lost or _now() - self._confirmed_at >= max_age:
            with during(OUTSIDE):  # as the renewal: no effect of the run
                self.confirm(self._server.command(*self.command))

    @property
    def command(self) -> Command:
        """The command that asks for the holder. It can be sent along with others: see :meth:`confirm`."""
        return (b"GET", self._name)

    def confirm(self, holder: bytes | ResponseError | None) -> None:
        """Take the server's answer to :attr:`command`.

        Raises:
            LockLost: another process holds the lock, or none, or it may have expired in the meantime.
            redis.exceptions.ResponseError: the server refused to answer.
        """
        if isinstance(holder, ResponseError):
            raise holder
        if self._may_be_lost or holder != encode(self._token):
            raise LockLost(self._what, "no process" if holder is None else describe_lock(holder))
        self._confirmed_at = _now()

    @property
    def _may_be_lost(self) -> bool:
        return self._lost or _now() - self._renewed_at > self._seconds

    @property
    def _what(self) -> str:
        return f"the index {self.index!r}"

    def _redis_lock(self) -> RedisLock:
        return RedisLock(self._server, self._name, self._seconds)

    def _remove_stale_lock(self, holder: bytes) -> bool:
        """Remove a lock that this process could not release, or whose holder has ended; False if neither is certain."""
        process = _process(holder)
        if holder not in _UNRELEASED and (process is None or not process.is_dead()):
            return False
        # redis-py compares the token and deletes in one script, so the lock of another holder cannot be deleted
        stale = self._redis_lock()
        stale.local.token = holder
        with suppress(LockError):
            stale.release()
        return True

    def _renew_until_stopped(self) -> None:
        while not self._stop.wait(self._seconds / 3):
            started = _now()
            try:
                self._lock.reacquire()
            except LockError:
                self._lost = True  # until renew() acquires it again
                continue
            except RedisError:
                continue  # check() raises once the lock may have expired
            self._renewed_at = started


def _now() -> float:
    return time.clock_gettime(CLOCK)


def lock_holder(server: Server, index: str) -> str | None:
    """Return who holds the lock on an index, as text; None if nobody does."""
    token = server.command(*lock_command(index))
    return None if token is None else describe_lock(token)


def lock_command(index: str) -> Command:
    """Return the command that reads the lock on an index."""
    return b"GET", PREFIX + encode(index)


def holder_digest(token: bytes) -> str:
    """Return what names the holder of a lock to its workers, and lets nobody take the lock in its name."""
    return hashlib.sha256(token).hexdigest()


def describe_lock(token: bytes) -> str:
    """Name the holder of a lock: host, process, start."""
    facts = _facts(token)
    if not {"host", "pid", "started"} <= facts.keys():
        return "an unknown holder"
    backup = f", backup directory {facts['backup_dir']}" if "backup_dir" in facts else ""
    return f"process {facts['pid']} on {facts['host']} since {facts['started']}{backup}"


def _facts(token: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(token)
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _process(token: bytes) -> Process | None:
    facts = _facts(token)
    host, pid, machine, birth = (facts.get(name) for name in ("host", "pid", "machine", "birth"))
    if isinstance(host, str) and isinstance(pid, int) and isinstance(machine, str) and isinstance(birth, int):
        return Process(host, pid, machine, birth)
    return None
