"""Opens a connection: URL → :class:`Server`."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve
from redis import ConnectionPool, Redis, RedisCluster, Sentinel, SSLConnection
from redis.backoff import ExponentialBackoff
from redis.exceptions import BusyLoadingError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeout
from redis.retry import Retry

from fieldfare.errors import ServerUnavailable, UnsupportedServer, UnsupportedURL
from fieldfare.server.capabilities import COORDINATOR_VERSION, Capabilities
from fieldfare.server.connection import Server
from fieldfare.server.nodes import Cluster
from fieldfare.server.probe import read_capabilities
from fieldfare.server.refusal import name_refusal
from fieldfare.server.url import Address, parse
from fieldfare.support.redaction import redact_url

if TYPE_CHECKING:
    from fieldfare.server.client_address import AnyClient

__all__ = ["connect", "connect_like", "connect_to"]

ANSWER_SECONDS: Final = 120
"""Timeout of one reply. Dropping a large index takes a while."""

CONNECT_SECONDS: Final = 10
RETRIES: Final = 3
READ_BYTES: Final = 128 * 1024
"""Bytes per read of a socket: a tenth faster than redis-py's 32 KiB for vectors of 3 KB."""

NO_HEALTH_CHECK: Final = {"health_check_interval": 0}
"""Over any option of a URL: redis-py's PING would take the reply to a command that was sent before, and it replaces a
closed connection in silence, with all that the server knew of it: which keys it watches and tracks."""

NO_PASSWORD: Final = ("HELLO must be called with the client already authenticated", "Authentication required")
"""Error messages of servers that require a password, for a client that sends none."""

NO_HANDSHAKE: Final = "it does not answer a TLS handshake; the URL of a port without TLS starts with redis://"

SENTINEL: Final = re.compile(r"<redis\.client\.Redis\(.*?[(,]host=([^,]*),port=(\d+).*?\)>\)>\)>")
"""A sentinel in redis-py's message about one that did not answer."""


def connect(url: str, *, cluster: bool | None = None) -> Server:
    """Connect to a server and read its capabilities.

    Args:
        url: see :func:`fieldfare.server.url.parse`.
        cluster: whether this is a cluster; None to detect it.

    Raises:
        UnsupportedURL: the URL cannot be used.
        CommandNotAllowed: the user may not read the slots of a cluster.
        ServerUnavailable: no server answers, or it refuses the connection, or it is still loading its data.
        UnsupportedServer: the server lacks Search, or is not a cluster although ``cluster`` is True.
    """
    address = parse(url)
    if address.kind != "embedded":
        return _open(address, redact_url(url), cluster=cluster)
    from fieldfare.server.embedded import EmbeddedServer  # noqa: PLC0415 - start-up time

    with ExitStack() as undo:
        embedded = undo.enter_context(EmbeddedServer())
        server = _open(parse(embedded.url), "embedded://", cluster=cluster)
        cleanup = undo.pop_all()
    return Server(server.client, server.url, server.capabilities, address=server.address, on_close=cleanup.close)


def connect_like(client: AnyClient) -> Server:
    """Connect to the server of a client, with connections of our own; the client stays as it is.

    Args:
        client: see :func:`fieldfare.server.client_address.address_of`.

    Raises:
        UsageError: this is not a client of redis-py.
        UnsupportedURL: it uses another database than 0.
        ServerUnavailable, UnsupportedServer: as :func:`connect`.
    """
    from fieldfare.server.client_address import address_of  # noqa: PLC0415 - start-up time

    return _open(address_of(client), "the server of redis_client", cluster=None)


def connect_to(address: Address, *, cluster: bool | None = None) -> Server:
    """Connect to the server of another process of this run.

    Args:
        address: that of its :class:`Server`.
        cluster: as for :func:`connect`.

    Raises:
        ServerUnavailable, UnsupportedServer: as :func:`connect`.
    """
    return _open(address, address.reference or "the server of this run", cluster=cluster)


def _open(address: Address, shown: str, *, cluster: bool | None) -> Server:
    with ExitStack() as undo:
        _require_answer(address, shown)
        single = _single_client(address, shown)
        undo.callback(single.close)
        undo.callback(single.connection_pool.disconnect)
        try:
            capabilities = read_capabilities(single)
            if cluster and not capabilities.cluster:
                raise UnsupportedServer("--cluster", has="cluster mode off", needs="a Redis cluster")
            if capabilities.cluster and cluster is not False:
                return _open_cluster(address, shown)
        except NoPermissionError as error:  # for what redis-py needs in a cluster
            raise name_refusal(("COMMAND",), error) from error
        except (RedisError, OSError) as error:
            raise ServerUnavailable(shown, _reason(error)) from error
        undo.pop_all()
        return Server(single, shown, evolve(capabilities, cluster=False), address=address)


def _require_answer(address: Address, shown: str) -> None:
    """Check that a server answers, with a much shorter timeout than later replies have.

    Raises:
        ServerUnavailable: none does, for example because the client speaks TLS and the server does not.
    """
    with ExitStack() as undo:
        speaks_tls = address.options.get("connection_class") is SSLConnection
        # a port without TLS lets each attempt wait for its handshake
        probe = _single_client(address, shown, seconds=CONNECT_SECONDS, retries=0 if speaks_tls else RETRIES)
        undo.callback(probe.close)
        undo.callback(probe.connection_pool.disconnect)
        try:
            probe.ping()
        except (ResponseError, BusyLoadingError):
            return  # an error is an answer, too
        except (RedisError, OSError) as error:
            reason = NO_HANDSHAKE if speaks_tls and isinstance(error, RedisTimeout) else _reason(error)
            raise ServerUnavailable(shown, reason) from error


def _open_cluster(address: Address, shown: str) -> Server:
    options = _defaults() | dict(address.options) | NO_HEALTH_CHECK
    if options.pop("connection_class", None) is SSLConnection:
        options["ssl"] = True
    client = RedisCluster(**options)
    with ExitStack() as undo:
        undo.callback(client.close)
        capabilities = _cluster_capabilities([read_capabilities(node) for node in Cluster(client).primaries()])
        undo.pop_all()
    return Server(client, shown, capabilities, address=address)


def _single_client(address: Address, shown: str, *, seconds: float = ANSWER_SECONDS, retries: int = RETRIES) -> Redis:
    options = _defaults(seconds, retries) | dict(address.options) | NO_HEALTH_CHECK
    try:
        if address.kind == "sentinel":
            sentinel_options = _defaults(seconds) | dict(address.sentinel_options)
            sentinel: Any = Sentinel(address.sentinels, sentinel_kwargs=sentinel_options, **options)  # type: ignore[no-untyped-call]  # redis-py's own gap
            client: Redis = sentinel.master_for(address.service)
        else:
            client = Redis(connection_pool=ConnectionPool(**options))
        # redis-py checks the options only when it makes a connection
        client.connection_pool.connection_class(**client.connection_pool.connection_kwargs)
    except (TypeError, ValueError) as error:
        raise UnsupportedURL(shown, f"redis-py does not take its options ({error})") from error
    return client


def _defaults(seconds: float = ANSWER_SECONDS, retries: int = RETRIES) -> dict[str, Any]:
    return {
        "socket_timeout": seconds,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_read_size": READ_BYTES,
        "retry": Retry(ExponentialBackoff(cap=0.5, base=0.05), retries),
    }


def _cluster_capabilities(primaries: list[Capabilities]) -> Capabilities:
    """Return the capabilities of a cluster: the oldest versions, the sum of the memory."""
    limits = [node.max_memory for node in primaries]
    oldest = min(primaries, key=lambda node: node.search_version)
    return evolve(
        oldest,
        coordinator=oldest.search_version >= COORDINATOR_VERSION,
        redis_version=min(node.redis_version for node in primaries),
        max_memory=sum(limits) if all(limits) else 0,
        used_memory=sum(node.used_memory for node in primaries),
    )


def _reason(error: Exception) -> str:
    """Return redis-py's message as a readable line."""
    text = str(error) or type(error).__name__
    if text.startswith(NO_PASSWORD):
        return "the server asks for a password, and the URL has none"
    return SENTINEL.sub(r"sentinel \1:\2", text).rstrip(".")
