"""Faults at fault points (:mod:`fieldfare.support.fault_points`): a kill, a power loss, a full disk, and others.

A fault is written ``rewrite:server.send:before:2=kill``: kill the process when it reaches this point for the second
time. :class:`~fieldfare.testing.commandline.CommandLine` injects a fault into the process that it starts.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import redis
from attrs import frozen

from fieldfare.support import fault_points
from fieldfare.testing.client_commands import instrument_client
from fieldfare.testing.power_loss import PowerLoss

__all__ = [
    "ACTIONS",
    "BALLAST",
    "LARGEST_DISK",
    "Fault",
    "FaultContext",
    "InjectedError",
    "count_points",
    "inject",
    "record_points",
]

BALLAST: Final = "ballast"
"""The file that fills the disk."""

LARGEST_DISK: Final = 64 << 20
"""Bytes of a disk that may be filled; a larger one is not one for tests."""

RECOVERY_SECONDS: Final = 0.3
"""How long a transient fault lasts. The run retries for far longer."""

NOTICE_SECONDS: Final = 60
"""How long Ctrl-C waits for the main thread at most: one that stands still does not hold a test for ever."""


@frozen
class Fault:
    """A fault and where it happens.

    Attributes:
        point: the full name of the fault point, as :func:`fieldfare.support.fault_points.reach` gives it to a listener.
        hit: at which of the times that the point is reached, from 1.
        action: one of :data:`ACTIONS`.
        transient: whether the server recovers by itself a moment later.
        save_at: after how many points of any name the server saves its data, to restart with them; 0 for never.
    """

    point: str
    hit: int
    action: str
    transient: bool = False
    save_at: int = 0

    def __str__(self) -> str:
        """Write the fault as one word."""
        saved = f"@{self.save_at}" if self.save_at else ""
        return f"{self.point}:{self.hit}={self.action}{saved}{'~' if self.transient else ''}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str`` wrote."""
        place, _, effect = text.partition("=")
        point, _, hit = place.rpartition(":")
        action, _, saved = effect.removesuffix("~").partition("@")
        return cls(point, int(hit), action, effect.endswith("~"), int(saved or 0))


@frozen
class FaultContext:
    """The server and the disk that a fault acts on.

    Attributes:
        url: the URL of the server.
        disk: the backup directory; for a full disk, on a file system of its own.
        pid: the server's process; only needed to make it hang.
    """

    url: str
    disk: Path
    pid: int = 0

    def command(self, *arguments: str | int) -> Any:
        """Send one command on a separate connection, past fieldfare."""
        with redis.Redis.from_url(self.url) as client:
            return client.execute_command(*arguments)


class InjectedError(Exception):
    """An exception that no code expects."""


Action: TypeAlias = Callable[[FaultContext], Callable[[], object] | None]
"""Causes the fault; may return a function that ends it."""


def kill(_: FaultContext) -> None:
    """Kill this process: kill -9, the out-of-memory killer."""
    os.kill(os.getpid(), signal.SIGKILL)


def raise_error(_: FaultContext) -> None:
    """Raise an unexpected exception."""
    raise InjectedError("injected by a test")


_noticed: Final = threading.Event()
"""Set when the main thread has handled Ctrl-C: Python calls handlers in the order of their numbers, SIGURG's later."""


def interrupt(_: FaultContext) -> None:
    """Press Ctrl-C; go on when the main thread has noticed it, however late that is on a busy machine."""
    os.kill(os.getpid(), signal.SIGINT)
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGURG)  # wakes it, where any thread gets the other
    _noticed.wait(NOTICE_SECONDS)


def fill_disk(context: FaultContext) -> None:
    """Leave no room on the disk, if it is one for tests."""
    if shutil.disk_usage(context.disk).total > LARGEST_DISK:
        raise InjectedError(f"{context.disk} is on a disk that is too large to be filled")
    with (context.disk / BALLAST).open("ab", buffering=0) as ballast:
        for size in (1 << 16, 1 << 12, 1):
            with suppress(OSError):
                while True:
                    ballast.write(bytes(size))


def drop_connections(context: FaultContext) -> None:
    """Close every connection of the server."""
    context.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def refuse_writes(context: FaultContext) -> Callable[[], object]:
    """Make the server a replica: READONLY. Afterwards it is a primary again, as after a failover."""
    context.command("REPLICAOF", "127.0.0.1", 1)
    return lambda: context.command("REPLICAOF", "NO", "ONE")


def exhaust_memory(context: FaultContext) -> None:
    """Set maxmemory to one byte: OOM."""
    context.command("CONFIG", "SET", "maxmemory", 1)


def stop_answering(context: FaultContext) -> Callable[[], object]:
    """Make the server hang: replies never come."""
    os.kill(context.pid, signal.SIGSTOP)
    return lambda: os.kill(context.pid, signal.SIGCONT)


def restart(context: FaultContext) -> None:
    """Make the server save its data and end.

    :class:`~fieldfare.testing.restartable_server.RestartableServer` starts it again; while it reads its data it
    answers LOADING.
    """
    _shut_down(context, "SAVE")


def restart_without_saving(context: FaultContext) -> None:
    """Make the server end without saving: it restarts with the data that it saved last."""
    _shut_down(context, "NOSAVE")


def lose_data(context: FaultContext) -> None:
    """Make the server end and lose its data: it restarts empty."""
    directory, name = (context.command("CONFIG", "GET", what)[what.encode()] for what in ("dir", "dbfilename"))
    Path(directory.decode(), name.decode()).unlink(missing_ok=True)
    _shut_down(context, "NOSAVE")


def _shut_down(context: FaultContext, how: str) -> None:
    with suppress(redis.ConnectionError):  # the server has ended
        context.command("SHUTDOWN", how, "NOW", "FORCE")


ACTIONS: Final[Mapping[str, Action]] = {
    "kill": kill,
    "power": kill,  # see inject()
    "error": raise_error,
    "interrupt": interrupt,
    "disk": fill_disk,
    "drop": drop_connections,
    "readonly": refuse_writes,
    "oom": exhaust_memory,
    "hang": stop_answering,
    "restart": restart,
    "forget": restart_without_saving,
    "lose": lose_data,
}
"""The faults by name. ``power`` is a ``kill`` that also removes whatever was not synced."""


def inject(fault: Fault, context: FaultContext) -> None:
    """Make a fault happen in this process, once. Call it in the main thread."""
    reached: Counter[str] = Counter()
    guard = threading.Lock()
    power = PowerLoss(context.disk) if fault.action == "power" else None
    if power is not None:
        power.record_syncs()
    if fault.action == "interrupt":
        signal.signal(signal.SIGURG, lambda *_: _noticed.set())

    def listen(point: str) -> None:
        with guard:
            reached[point] += 1
            if reached.total() == fault.save_at:
                context.command("SAVE")
            if point != fault.point or reached[point] != fault.hit:
                return
            if fault.action == "interrupt":  # no other thread passes a point before it is noticed
                interrupt(context)
                return
        if power is not None:
            power.discard_unsynced()
        recover = ACTIONS[fault.action](context)
        if fault.transient and recover is not None:
            threading.Timer(RECOVERY_SECONDS, recover).start()

    _listen(listen)


@contextmanager
def record_points() -> Iterator[list[str]]:
    """Record each point that this process reaches inside, in order."""
    reached: list[str] = []
    end = _listen(reached.append)
    try:
        yield reached
    finally:
        end()


@contextmanager
def count_points() -> Iterator[Counter[str]]:
    """Count how often this process reaches each point inside."""
    reached: Counter[str] = Counter()
    guard = threading.Lock()

    def listen(point: str) -> None:
        with guard:
            reached[point] += 1

    end = _listen(listen)
    try:
        yield reached
    finally:
        end()


def _listen(listener: Callable[[str], None]) -> Callable[[], None]:
    """Call a function at every point, but for those of its own commands.

    Returns:
        A function that ends this.
    """
    current = threading.local()

    def notify(point: str) -> None:
        # between activities it is the lock on the index that uses redis-py's client, in a thread of its own
        if getattr(current, "notifying", False) or point.startswith(f"{fault_points.OUTSIDE}:client."):
            return
        current.notifying = True
        try:
            listener(point)
        finally:
            current.notifying = False

    restore_client = instrument_client()
    fault_points.listen(notify)

    def end() -> None:
        fault_points.listen(None)
        restore_client()

    return end
