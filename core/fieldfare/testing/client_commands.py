"""Fault points before and after the commands of redis-py's own client: those of ``run.redis``.

The rest of fieldfare sends its commands through :mod:`fieldfare.server.pipeline`, which has points of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from redis.client import Pipeline, Redis
from redis.cluster import ClusterPipeline, RedisCluster

from fieldfare.support.fault_points import reach

__all__ = ["CLIENT_POINTS", "instrument_client"]

CLIENT_POINTS: Final = ("client.command:before", "client.command:after")

METHODS: Final = (
    (Redis, "execute_command"),
    (Pipeline, "execute"),
    (RedisCluster, "execute_command"),
    (ClusterPipeline, "execute"),
)


def instrument_client() -> Callable[[], None]:
    """Make redis-py's clients reach :data:`CLIENT_POINTS`.

    Returns:
        A function that restores the clients.
    """
    originals = [(kind, name, vars(kind)[name]) for kind, name in METHODS]
    for kind, name, method in originals:
        setattr(kind, name, _instrumented(method))

    def restore() -> None:
        for kind, name, method in originals:
            setattr(kind, name, method)

    return restore


def _instrumented(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def instrumented(*arguments: Any, **options: Any) -> Any:
        reach(CLIENT_POINTS[0])
        reply = method(*arguments, **options)
        reach(CLIENT_POINTS[1])
        return reply

    return instrumented
