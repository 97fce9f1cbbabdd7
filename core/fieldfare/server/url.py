"""Parses connection URLs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from attrs import field, frozen
from redis.connection import parse_url

from fieldfare.errors import UnsupportedURL
from fieldfare.support.redaction import redact_url

__all__ = ["Address", "parse", "require_database_0"]

SENTINEL_PORT: Final = 26379
BEHIND_ADDRESS: Final = re.compile("[/?#]")


@frozen(hash=False)
class Address:
    """A parsed connection URL.

    Attributes:
        kind: ``single``, ``sentinel`` or ``embedded``.
        options: the options of redis-py's connections.
        sentinels: host and port of each sentinel.
        service: the name of the server's service in Sentinel.
        sentinel_options: the options of the connections to the sentinels.
    """

    kind: str
    options: Mapping[str, Any] = field(factory=dict)
    sentinels: tuple[tuple[str, int], ...] = ()
    service: str = ""
    sentinel_options: Mapping[str, Any] = field(factory=dict)


def parse(url: str) -> Address:
    """Read a connection URL.

    ``redis://``, ``rediss://`` and ``unix://`` as redis-py reads them, with its options in the query;
    ``redis+sentinel://[user:password@]host:port[,host:port]/service`` (``rediss+sentinel`` for TLS), where
    options that start with ``sentinel_`` go to the sentinels; ``embedded://`` for a private server.

    Raises:
        UnsupportedURL: anything else, and every database but 0.
    """
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    try:
        _refuse_broken_credentials(rest)
        if scheme == "embedded":
            return Address("embedded")
        if scheme in {"redis+sentinel", "rediss+sentinel"}:
            address = _parse_sentinel(url, tls=scheme.startswith("rediss"))
        elif scheme in {"redis", "rediss", "unix"}:
            address = _parse_single(url)
        else:
            raise UnsupportedURL(
                redact_url(url), "it must start with redis://, rediss://, unix://, redis+sentinel:// or embedded://"
            )
    except ValueError:
        # the message of the parser may quote a piece of the password
        raise UnsupportedURL(redact_url(url), "it is not well-formed; percent-encode special characters") from None
    require_database_0(address.options.get("db"), redact_url(url))
    if "decode_responses" in address.options:
        raise UnsupportedURL(redact_url(url), "documents are bytes; leave decode_responses out")
    return address


def require_database_0(number: object, shown: str) -> None:
    """Check the number of a database, None for the default.

    Raises:
        UnsupportedURL: it is not 0.
    """
    if number:
        raise UnsupportedURL(shown, "Search indexes database 0 only")


def _refuse_broken_credentials(rest: str) -> None:
    """Refuse an ``@`` after the address: part of a password would be parsed as a path or a database.

    Raises:
        ValueError: the URL has one.
    """
    _, *behind = BEHIND_ADDRESS.split(rest, maxsplit=1)
    if any("@" in each for each in behind):
        raise ValueError("credentials with one of the characters /?# in them")


def _parse_single(url: str) -> Address:
    options = _options(url)
    path = unquote(urlsplit(url).path).strip("/")
    if not url.lower().startswith("unix") and path and not path.isdecimal():
        raise UnsupportedURL(redact_url(url), f"the path names a database, and {path!r} is none")
    return Address("single", options)


def _parse_sentinel(url: str, *, tls: bool) -> Address:
    parts = urlsplit(url)
    credentials, _, hosts = parts.netloc.rpartition("@")
    service, _, database = unquote(parts.path).strip("/").partition("/")
    if not service or not hosts:
        raise UnsupportedURL(redact_url(url), "write redis+sentinel://host:port[,host:port]/service")
    # redis-py knows the types of options, and how credentials are written
    user = f"{credentials}@" if credentials else ""
    single = _options(f"redis://{user}localhost/{database}?{parts.query}")
    del single["host"]
    prefix = "sentinel_"
    queried = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Address(
        "sentinel",
        {name: value for name, value in single.items() if not name.startswith(prefix)} | ({"ssl": True} if tls else {}),
        tuple(_host_and_port(host) for host in hosts.split(",")),
        service,
        {name.removeprefix(prefix): value for name, value in queried.items() if name.startswith(prefix)},
    )


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    return parts.hostname or "localhost", parts.port or SENTINEL_PORT


def _options(url: str) -> dict[str, Any]:
    options: dict[str, Any] = parse_url(url)  # type: ignore[no-untyped-call]  # redis-py's own gap
    return options
