"""The address of a client of redis-py that a program already has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from redis import Redis, RedisCluster, SSLConnection, UnixDomainSocketConnection
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio import RedisCluster as AsyncRedisCluster
from redis.asyncio import SSLConnection as AsyncSSLConnection
from redis.asyncio import UnixDomainSocketConnection as AsyncUnixDomainSocketConnection

from fieldfare.errors import UsageError
from fieldfare.server.url import Address, require_database_0

__all__ = ["AnyClient", "address_of"]

AnyClient = Redis | RedisCluster | AsyncRedis | AsyncRedisCluster

OPTIONS: Final = ("host", "port", "path", "username", "password", "credential_provider", "client_name", "protocol")
"""Options of a connection that say where the server is and who asks, besides those of TLS."""

TLS: Final = (SSLConnection, AsyncSSLConnection)
UNIX: Final = (UnixDomainSocketConnection, AsyncUnixDomainSocketConnection)


def address_of(client: AnyClient) -> Address:
    """Return where a client connects to; connections of our own do not depend on its timeouts and decoding.

    Args:
        client: for one server, for a sentinel's server, or for a cluster; synchronous or asynchronous.

    Raises:
        UsageError: this is not a client of redis-py.
        UnsupportedURL: it uses another database than 0.
    """
    if isinstance(client, RedisCluster | AsyncRedisCluster):
        manager = client.nodes_manager
        node: Any = next(iter(manager.startup_nodes.values()))
        options = manager.connection_kwargs
        uses_tls = bool(options.get("ssl")) or issubclass(options.get("connection_class", object), TLS)
        where = {"host": node.host, "port": node.port}
        return Address("single", _options(options) | where | _connection_class(uses_tls=uses_tls))
    if not isinstance(client, Redis | AsyncRedis):
        raise UsageError(f"redis_client is no client of redis-py but a {type(client).__name__}. Nothing was changed.")
    pool: Any = client.connection_pool
    options = _options(pool.connection_kwargs)
    uses_tls = issubclass(pool.connection_class, TLS)
    if not hasattr(pool, "sentinel_manager"):
        is_unix = issubclass(pool.connection_class, UNIX)
        return Address("single", options | _connection_class(uses_tls=uses_tls, is_unix=is_unix))
    manager = pool.sentinel_manager
    sentinels = [each.connection_pool.connection_kwargs for each in manager.sentinels]
    return Address(
        "sentinel",
        options | ({"ssl": True} if uses_tls else {}),
        tuple((each["host"], each["port"]) for each in sentinels),
        pool.service_name,
        _options(manager.sentinel_kwargs),
    )


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    require_database_0(options.get("db"), "redis_client")
    return {
        name: value
        for name, value in options.items()
        if value is not None and (name in OPTIONS or name.startswith("ssl_"))
    }


def _connection_class(*, uses_tls: bool, is_unix: bool = False) -> dict[str, Any]:
    if is_unix:
        return {"connection_class": UnixDomainSocketConnection}
    return {"connection_class": SSLConnection} if uses_tls else {}
