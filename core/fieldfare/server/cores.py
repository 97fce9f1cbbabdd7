"""How many cores a server may use. Redis does not tell; the kernel does, where the server runs on this machine."""

from __future__ import annotations

import os
import socket
from typing import Final

from redis import Redis

from fieldfare.server.pipeline import acquire_connection
from fieldfare.server.probe import read_process
from fieldfare.server.process import age_seconds

__all__ = ["count_cores"]

AGE_TOLERANCE: Final = 3.0
"""Seconds by which the age of a process may differ from the uptime that its server reports."""


def count_cores(node: Redis) -> int | None:
    """Return how many cores the process of a server may use; None if that cannot be known from here.

    The server must be on this machine: its connection starts and ends here, and a process with its id is as old as it
    is. In a container of its own it has another id.

    Raises:
        redis.exceptions.ConnectionError: the server did not answer.
    """
    if not hasattr(os, "sched_getaffinity") or not _is_local(node):
        return None
    pid, uptime = read_process(node)
    age = age_seconds(pid)
    if age is None or abs(age - uptime) > AGE_TOLERANCE:
        return None
    try:
        return len(os.sched_getaffinity(pid))
    except OSError:
        return None


def _is_local(node: Redis) -> bool:
    """Whether a connection starts and ends at the same address."""
    with acquire_connection(node) as connection:
        connected: socket.socket | None = getattr(connection, "_sock", None)
        if connected is None:
            return False
        if connected.family == getattr(socket, "AF_UNIX", None):
            return True
        return bool(connected.getpeername()[0] == connected.getsockname()[0])
