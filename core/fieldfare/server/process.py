"""Telling one process from another, and a living one from a dead one."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from attrs import frozen

__all__ = ["Process", "this_process"]


@frozen
class Process:
    """A process.

    Attributes:
        host: name of its machine.
        pid: its number.
        machine: the boot and the process namespace in which that number counts; empty if unknown.
        birth: its start in clock ticks since the boot.
    """

    host: str
    pid: int
    machine: str
    birth: int

    def is_dead(self) -> bool:
        """Whether it is dead for certain: it ran in our own boot and namespace, and does not any more."""
        here = this_process()
        if not self.machine or (self.host, self.machine) != (here.host, here.machine):
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        except OverflowError:  # no process has such a number
            return False
        birth = _birth(self.pid)
        return birth is not None and birth != self.birth


def this_process() -> Process:
    """Return our own process."""
    return Process(socket.gethostname(), os.getpid(), _machine(), _birth(os.getpid()) or 0)


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _birth(pid: int) -> int | None:
    """Return when a process started; 0 if it only waits to be reaped, None if we may not know.

    State and start time are fields 3 and 22 (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html);
    field 2, the name in parentheses, may hold anything.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return 0 if fields[0] in {b"Z", b"X"} else int(fields[19])
