"""Identifies processes of this machine, and checks whether one has ended."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from attrs import frozen

__all__ = ["Process", "age_seconds", "this_process"]


@frozen
class Process:
    """A process.

    Attributes:
        host: name of its machine.
        pid: process id.
        machine: the boot and the process namespace in which the process id is valid; empty if unknown.
        start_ticks: its start time in clock ticks since the boot.
    """

    host: str
    pid: int
    machine: str
    start_ticks: int

    def is_dead(self) -> bool:
        """Whether it has certainly ended: it ran in this boot and namespace, and no longer does."""
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
        start_ticks = _start_ticks(self.pid)
        return start_ticks is not None and start_ticks != self.start_ticks


def this_process() -> Process:
    """Return the current process."""
    return Process(socket.gethostname(), os.getpid(), _machine(), _start_ticks(os.getpid()) or 0)


def age_seconds(pid: int) -> float | None:
    """Return for how long a process of this machine has run; None if there is none, or if that cannot be read."""
    try:
        since_boot = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return None
    start_ticks = _start_ticks(pid)
    return since_boot - start_ticks / os.sysconf("SC_CLK_TCK") if start_ticks else None


def _machine() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _start_ticks(pid: int) -> int | None:
    """Return the start time of a process; 0 for a zombie, None if it cannot be read.

    State and start time are fields 3 and 22 (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html);
    field 2, the name in parentheses, may hold anything.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    return 0 if fields[0] in {b"Z", b"X"} else int(fields[19])
