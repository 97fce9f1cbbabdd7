"""One migrator per index: a lock in Redis that names who holds it."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event, Thread
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

from redis.exceptions import LockError, RedisError

from fieldfare.errors import LockHeld, LockLost
from fieldfare.server.connection import Server
from fieldfare.server.process import Process, this_process
from fieldfare.server.redis_lock import RedisLock
from fieldfare.wire import encode

__all__ = ["IndexLock"]

PREFIX: Final = b"fieldfare:lock:"
LOCK_SECONDS: Final = 30.0

CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine sleeps, as the lock's time does on the server; not every system has one."""

_ABANDONED: Final[set[bytes]] = set()
"""Locks of this process that could not be given back, because the server was away."""


class IndexLock:
    """A lock on an index, as a context manager. It is kept alive by a thread of its own.

    A lock whose holder has died on this machine is taken over at once; one of another machine
    goes ``seconds`` after its holder's end.

    Args:
        server: where the index lives.
        index: its name.
        backup_dir: shown to whoever meets the lock.
        seconds: how long it outlives its holder.
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
                "birth": this_process().birth,
            }
        )
        self._lock = self._redis_lock()
        self._stop = Event()
        self._keeper = Thread(target=self._keep, name=f"fieldfare lock on {index}", daemon=True)
        self._lost = False
        self._kept = 0.0

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            LockHeld: somebody who lives has it.
        """
        self._hold()
        self._keeper.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Give the lock back, if it is still ours."""
        self._stop.set()
        self._keeper.join()
        try:
            self._lock.release()
        except LockError:
            return  # it is somebody else's, or nobody's
        except RedisError:
            _ABANDONED.add(encode(self._token))

    def renew(self) -> None:
        """Make sure of the lock after the server was away, and take it again if it was forgotten or ran out.

        Raises:
            LockHeld: somebody else has it by now.
            redis.exceptions.RedisError: the server is still away.
        """
        asked = _now()
        try:
            self._lock.reacquire()
            self._kept = asked
        except LockError:
            self._hold()
        self._lost = False

    def _hold(self) -> None:
        asked = _now()
        while not self._take():
            holder = self._server.command(b"GET", self._name)
            if holder is not None and not self._evict(holder):
                raise LockHeld(self._what, describe(holder))
            asked = _now()
        self._kept = asked

    def check(self) -> None:
        """Make sure that the lock is still ours.

        Raises:
            LockLost: it is not, or the server has not confirmed it for too long.
        """
        if self._lost or _now() - self._kept > self._seconds:
            holder = None
            with suppress(RedisError):
                holder = self._server.command(b"GET", self._name)
            raise LockLost(self._what, "nobody" if holder is None else describe(holder))

    @property
    def _what(self) -> str:
        return f"the index {self.index!r}"

    def _redis_lock(self) -> RedisLock:
        return RedisLock(self._server, self._name, self._seconds)

    def _take(self) -> bool:
        return bool(self._lock.acquire(token=self._token))

    def _evict(self, holder: bytes) -> bool:
        """Remove the lock of a holder that is dead for certain, or has gone away; False if it may be at work."""
        process = _process(holder)
        if holder not in _ABANDONED and (process is None or not process.is_dead()):
            return False
        # redis-py compares the token and deletes in one script, so nobody else's lock can be hit
        theirs = self._redis_lock()
        theirs.local.token = holder
        with suppress(LockError):
            theirs.release()
        return True

    def _keep(self) -> None:
        while not self._stop.wait(self._seconds / 3):
            started = _now()
            try:
                self._lock.reacquire()
            except LockError:
                self._lost = True  # unless it is renewed
                continue
            except RedisError:
                continue  # check() says so when it has lasted too long
            self._kept = started


def _now() -> float:
    return time.clock_gettime(CLOCK)


def describe(token: bytes) -> str:
    """Name the holder of a lock: host, process, start."""
    facts = _facts(token)
    if not {"host", "pid", "started"} <= facts.keys():
        return "a holder of unknown kind"
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
