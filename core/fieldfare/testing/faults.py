"""Faults at the points of :mod:`fieldfare.faults`: what kills a run, cuts its power, fills its disk, takes its server.

A fault is written ``rewrite:server.send:before:2=kill``: when this point is reached for the second time, die.
:class:`~fieldfare.testing.commandline.CommandLine` takes one for the process that it starts.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import redis
from attrs import frozen

from fieldfare import faults
from fieldfare.testing.client_commands import give_points
from fieldfare.testing.power import PowerSupply

__all__ = [
    "ACTIONS",
    "BALLAST",
    "LARGEST_DISK",
    "Fault",
    "InjectedError",
    "Scene",
    "arm",
    "count_points",
    "record_points",
]

BALLAST: Final = "ballast"
"""The file that fills the disk."""

LARGEST_DISK: Final = 64 << 20
"""Bytes of a disk that may be filled; a larger one is somebody's."""

HEAL_SECONDS: Final = 0.3
"""How long a fault that passes lasts. Any time will do: the run tries again for far longer."""


@frozen
class Fault:
    """What goes wrong, and where.

    Attributes:
        point: its full name, as :func:`fieldfare.faults.reach` gives it to a listener.
        hit: at which time that it is reached, from 1.
        action: one of :data:`ACTIONS`.
        passing: whether the server recovers by itself a moment later.
        save_at: after how many points of any name the server writes its data, to come back to them; 0 for never.
    """

    point: str
    hit: int
    action: str
    passing: bool = False
    save_at: int = 0

    def __str__(self) -> str:
        """Write it as one word."""
        saved = f"@{self.save_at}" if self.save_at else ""
        return f"{self.point}:{self.hit}={self.action}{saved}{'~' if self.passing else ''}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what ``str`` wrote."""
        place, _, what = text.partition("=")
        point, _, hit = place.rpartition(":")
        action, _, saved = what.removesuffix("~").partition("@")
        return cls(point, int(hit), action, what.endswith("~"), int(saved or 0))


@frozen
class Scene:
    """Where a fault happens.

    Attributes:
        url: of the server, for a connection of the fault's own.
        disk: the backup directory; for a full disk, on a file system of its own.
        pid: of the server's process; only needed to let it hang.
    """

    url: str
    disk: Path
    pid: int = 0

    def ask(self, *arguments: str | int) -> Any:
        """Send one command on a connection of its own, of which fieldfare knows nothing."""
        with redis.Redis.from_url(self.url) as client:
            return client.execute_command(*arguments)


class InjectedError(Exception):
    """What nobody foresaw."""


Action: TypeAlias = Callable[[Scene], Callable[[], object] | None]
"""Does harm, and gives what makes it good again, if that takes something."""


def kill(_: Scene) -> None:
    """Die without a word: kill -9, the out-of-memory killer."""
    os.kill(os.getpid(), signal.SIGKILL)


def raise_error(_: Scene) -> None:
    """Raise what nobody foresaw."""
    raise InjectedError("injected by a test")


def interrupt(_: Scene) -> None:
    """Press Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def fill_disk(scene: Scene) -> None:
    """Leave no room on the disk, if it is one for tests."""
    if shutil.disk_usage(scene.disk).total > LARGEST_DISK:
        raise InjectedError(f"{scene.disk} is on a disk that is too large to be filled")
    with (scene.disk / BALLAST).open("ab", buffering=0) as ballast:
        for size in (1 << 16, 1 << 12, 1):
            while _wrote(ballast.fileno(), size):
                pass


def _wrote(descriptor: int, size: int) -> bool:
    try:
        os.write(descriptor, bytes(size))
    except OSError:
        return False
    return True


def drop_connections(scene: Scene) -> None:
    """Close every connection of the server."""
    scene.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def refuse_writes(scene: Scene) -> Callable[[], object]:
    """Make a replica of the server: READONLY. Later it is a primary again, as after a failover."""
    scene.ask("REPLICAOF", "127.0.0.1", 1)
    return lambda: scene.ask("REPLICAOF", "NO", "ONE")


def exhaust_memory(scene: Scene) -> None:
    """Leave the server no memory: OOM."""
    scene.ask("CONFIG", "SET", "maxmemory", 1)


def stop_answering(scene: Scene) -> Callable[[], object]:
    """Let the server hang: replies never come."""
    os.kill(scene.pid, signal.SIGSTOP)
    return lambda: os.kill(scene.pid, signal.SIGCONT)


def restart(scene: Scene) -> None:
    """Have the server write its data and end.

    Whoever looks after it starts it again; while it reads its data it answers LOADING.
    """
    _shut_down(scene, "SAVE")


def restart_forgetful(scene: Scene) -> None:
    """Have the server end without writing its data: it comes back as it was when it last did."""
    _shut_down(scene, "NOSAVE")


def lose_data(scene: Scene) -> None:
    """Have the server end, and lose its data: it comes back empty."""
    directory, name = (scene.ask("CONFIG", "GET", what)[what.encode()] for what in ("dir", "dbfilename"))
    Path(directory.decode(), name.decode()).unlink(missing_ok=True)
    _shut_down(scene, "NOSAVE")


def _shut_down(scene: Scene, how: str) -> None:
    try:
        scene.ask("SHUTDOWN", how, "NOW", "FORCE")
    except redis.ConnectionError:
        return  # nobody is left to answer


ACTIONS: Final[Mapping[str, Action]] = {
    "kill": kill,
    "power": kill,  # see arm()
    "error": raise_error,
    "interrupt": interrupt,
    "disk": fill_disk,
    "drop": drop_connections,
    "readonly": refuse_writes,
    "oom": exhaust_memory,
    "hang": stop_answering,
    "restart": restart,
    "forget": restart_forgetful,
    "lose": lose_data,
}
"""What can happen, by name. ``power`` is a ``kill`` that also takes away whatever was not synced."""


def arm(fault: Fault, scene: Scene) -> None:
    """Let a fault happen in this process, once."""
    seen: Counter[str] = Counter()
    guard = threading.Lock()
    power = PowerSupply(scene.disk) if fault.action == "power" else None
    if power is not None:
        power.plug_in()

    def listen(point: str) -> None:
        with guard:
            seen[point] += 1
            if seen.total() == fault.save_at:
                scene.ask("SAVE")
            if point != fault.point or seen[point] != fault.hit:
                return
        if power is not None:
            power.cut()
        heal = ACTIONS[fault.action](scene)
        if fault.passing and heal is not None:
            threading.Timer(HEAL_SECONDS, heal).start()

    _listen(listen)


@contextmanager
def record_points() -> Iterator[list[str]]:
    """Note each point that is reached inside, in this process, in order."""
    reached: list[str] = []
    end = _listen(reached.append)
    try:
        yield reached
    finally:
        end()


@contextmanager
def count_points() -> Iterator[Counter[str]]:
    """Count how often each point is reached inside, in this process."""
    seen: Counter[str] = Counter()
    guard = threading.Lock()

    def listen(point: str) -> None:
        with guard:
            seen[point] += 1

    end = _listen(listen)
    try:
        yield seen
    finally:
        end()


def _listen(listener: Callable[[str], None]) -> Callable[[], None]:
    """Have a function told of every point, but for those of its own commands, until what is returned is called."""
    telling = threading.local()

    def tell(point: str) -> None:
        # between activities it is the lock on the index that uses redis-py's client, in a thread of its own
        if getattr(telling, "now", False) or point.startswith(f"{faults.OUTSIDE}:client."):
            return
        telling.now = True
        try:
            listener(point)
        finally:
            telling.now = False

    take_points = give_points()
    faults.listen(tell)

    def end() -> None:
        faults.listen(None)
        take_points()

    return end
