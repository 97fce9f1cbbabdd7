"""Points before and after what goes through redis-py's own client: the commands of ``run.redis``.

The rest of fieldfare sends its commands through :mod:`fieldfare.wire`, which has points of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from redis.client import Pipeline, Redis
from redis.cluster import ClusterPipeline, RedisCluster

from fieldfare.faults import reach

__all__ = ["CLIENT_POINTS", "give_points"]

CLIENT_POINTS: Final = ("client.command:before", "client.command:after")

METHODS: Final = (
    (Redis, "execute_command"),
    (Pipeline, "execute"),
    (RedisCluster, "execute_command"),
    (ClusterPipeline, "execute"),
)


def give_points() -> Callable[[], None]:
    """Let redis-py's clients reach :data:`CLIENT_POINTS` from now on.

    Returns:
        What ends that.
    """
    were = [(kind, name, vars(kind)[name]) for kind, name in METHODS]
    for kind, name, method in were:
        setattr(kind, name, _reaching(method))

    def end() -> None:
        for kind, name, method in were:
            setattr(kind, name, method)

    return end


def _reaching(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def reaching(*arguments: Any, **options: Any) -> Any:
        reach(CLIENT_POINTS[0])
        reply = method(*arguments, **options)
        reach(CLIENT_POINTS[1])
        return reply

    return reaching
