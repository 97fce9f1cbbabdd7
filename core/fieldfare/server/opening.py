"""Opening a connection: from a URL to a :class:`Server`."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Any, Final

from attrs import evolve
from redis import ConnectionPool, Redis, RedisCluster, Sentinel, SSLConnection
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, RedisError, ResponseError
from redis.exceptions import TimeoutError as TooLate
from redis.retry import Retry

from fieldfare.errors import ServerUnavailable, ServerUnfit, UnsupportedURL
from fieldfare.redaction import redact_url
from fieldfare.server.capabilities import Capabilities
from fieldfare.server.connection import Server
from fieldfare.server.embedded import EmbeddedServer
from fieldfare.server.nodes import Cluster
from fieldfare.server.probe import read_capabilities
from fieldfare.server.url import Address, parse

__all__ = ["connect"]

ANSWER_SECONDS: Final = 120
"""How long one reply may take. Dropping a large index takes a while."""

CONNECT_SECONDS: Final = 10
READ_BYTES: Final = 128 * 1024
"""How much is read from a socket at a time: a tenth faster than redis-py's 32 KiB for vectors of 3 KB."""

NO_PASSWORD: Final = ("HELLO must be called with the client already authenticated", "Authentication required")
"""How servers refuse a client that gave no password."""

NO_HANDSHAKE: Final = "it does not answer a TLS handshake; the URL of a port without TLS starts with redis://"

SENTINEL: Final = re.compile(r"<redis\.client\.Redis\(.*?[(,]host=([^,]*),port=(\d+).*?\)>\)>\)>")
"""A sentinel, as redis-py spells one that did not answer."""


def connect(url: str, *, cluster: bool | None = None) -> Server:
    """Connect to the server that a URL names, and find out what it can do.

    Args:
        url: see :func:`fieldfare.server.url.parse`.
        cluster: whether this is a cluster; None to find out from the server.

    Raises:
        UnsupportedURL: the URL cannot be used.
        ServerUnavailable: no server there, or it refuses us, or it is still loading its data.
        ServerUnfit: a server that lacks Search, or that is not a cluster where one was asked for.
    """
    address = parse(url)
    if address.kind != "embedded":
        return _open(address, redact_url(url), cluster=cluster)
    with ExitStack() as undo:
        embedded = undo.enter_context(EmbeddedServer())
        server = _open(parse(embedded.url), "embedded://", cluster=cluster)
        kept = undo.pop_all()
    return Server(server.client, server.url, server.capabilities, on_close=kept.close)


def _open(address: Address, shown: str, *, cluster: bool | None) -> Server:
    with ExitStack() as undo:
        _require_answer(address, shown)
        single = _single_client(address, shown)
        undo.callback(single.close)
        undo.callback(single.connection_pool.disconnect)
        try:
            capabilities = read_capabilities(single)
            if cluster and not capabilities.cluster:
                raise ServerUnfit("--cluster", has="cluster mode off", needs="a Redis cluster")
            if capabilities.cluster and cluster is not False:
                return _open_cluster(address, shown)
        except (RedisError, OSError) as error:
            raise ServerUnavailable(shown, _reason(error)) from error
        undo.pop_all()
        return Server(single, shown, evolve(capabilities, cluster=False))


def _require_answer(address: Address, shown: str) -> None:
    """Make sure that somebody answers at all, far sooner than a reply may take later on.

    Raises:
        ServerUnavailable: nobody does, as where TLS is spoken to a server that does not speak it.
    """
    with ExitStack() as undo:
        first = _single_client(address, shown, seconds=CONNECT_SECONDS)
        undo.callback(first.close)
        undo.callback(first.connection_pool.disconnect)
        try:
            first.ping()
        except (ResponseError, BusyLoadingError):
            return  # that is an answer
        except (RedisError, OSError) as error:
            speaks_tls = address.options.get("connection_class") is SSLConnection
            reason = NO_HANDSHAKE if speaks_tls and isinstance(error, TooLate) else _reason(error)
            raise ServerUnavailable(shown, reason) from error


def _open_cluster(address: Address, shown: str) -> Server:
    options = _defaults() | dict(address.options)
    if options.pop("connection_class", None) is SSLConnection:
        options["ssl"] = True
    client = RedisCluster(**options)
    with ExitStack() as undo:
        undo.callback(client.close)
        capabilities = _add_up([read_capabilities(node) for node in Cluster(client).primaries()])
        undo.pop_all()
    return Server(client, shown, capabilities)


def _single_client(address: Address, shown: str, *, seconds: float = ANSWER_SECONDS) -> Redis:
    options = _defaults(seconds) | dict(address.options)
    try:
        if address.kind == "sentinel":
            asked = _defaults(seconds) | dict(address.sentinel_options)
            sentinel: Any = Sentinel(address.sentinels, sentinel_kwargs=asked, **options)  # type: ignore[no-untyped-call]  # redis-py's own gap
            client: Redis = sentinel.master_for(address.service)
        else:
            client = Redis(connection_pool=ConnectionPool(**options))
        # an option that a connection does not know shows only now
        client.connection_pool.connection_class(**client.connection_pool.connection_kwargs)
    except (TypeError, ValueError) as error:
        raise UnsupportedURL(shown, f"redis-py does not take its options ({error})") from error
    return client


def _defaults(seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
    return {
        "socket_timeout": seconds,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_read_size": READ_BYTES,
        "retry": Retry(ExponentialBackoff(cap=0.5, base=0.05), 3),
    }


def _add_up(primaries: list[Capabilities]) -> Capabilities:
    """Describe a cluster: the oldest of its versions, the memory of all."""
    limits = [node.max_memory for node in primaries]
    return evolve(
        min(primaries, key=lambda node: node.search_version),
        redis_version=min(node.redis_version for node in primaries),
        max_memory=sum(limits) if all(limits) else 0,
        used_memory=sum(node.used_memory for node in primaries),
    )


def _reason(error: Exception) -> str:
    """Say what redis-py says, in a line that people can read."""
    text = str(error) or type(error).__name__
    if text.startswith(NO_PASSWORD):
        return "the server asks for a password, and the URL has none"
    return SENTINEL.sub(r"sentinel \1:\2", text).rstrip(".")
