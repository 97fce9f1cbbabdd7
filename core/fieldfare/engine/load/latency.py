"""The server's latency for other clients: how long a PING takes on another connection than the run's."""

from __future__ import annotations

import time
from contextlib import suppress

from redis.exceptions import ResponseError

from fieldfare.server import Server
from fieldfare.support.fault_points import OUTSIDE, during

__all__ = ["probe_latency"]


def probe_latency(server: Server) -> float:
    """Return the milliseconds that a PING takes; of a cluster, of its slowest primary.

    The pool gives a connection that carries no batch. A server whose user may not PING answers with an error, which
    takes as long.

    Raises:
        redis.exceptions.ConnectionError: the server does not answer.
    """
    slowest = 0.0
    for node in server.nodes():
        with during(OUTSIDE), suppress(ResponseError):
            started = time.perf_counter()
            try:
                server.command_at(node, "PING")
            finally:
                slowest = max(slowest, time.perf_counter() - started)
    return slowest * 1000
