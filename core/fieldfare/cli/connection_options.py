"""The server of a command: ``--url``, or ``--host``, ``--port``, ``--user``, ``--password`` and ``--ssl``.

The latter are the options of RedisVL's ``rvl``. Every command with ``Url`` takes them, those of plugins, too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Final, get_type_hints
from urllib.parse import quote

import typer

from fieldfare.cli.options import Url
from fieldfare.errors import UsageError
from fieldfare.support.absent import absent
from fieldfare.support.late_import import postpone

__all__ = ["connection_url", "with_connection_options"]

HOST: Final = "localhost"
PORT: Final = 6379
TLS: Final = {"redis": "rediss", "redis+sentinel": "rediss+sentinel"}
"""Scheme of a URL → the same with TLS."""

TELEMETRY: Final = "opentelemetry.sdk.metrics"
"""redis-py imports it, if it is installed, for figures about connections that no command asks for."""

ASYNCHRONOUS: Final = "redis.asyncio"
"""redis-py imports it first of all, a fifth of its own start-up time, and no command uses it."""

OPTIONS: Final = {
    "host": Annotated[str | None, typer.Option("--host", help="Host of Redis, instead of --url.", metavar="HOST")],
    "port": Annotated[
        int | None, typer.Option("--port", "-p", help="Port of Redis, instead of --url.", metavar="PORT", min=1)
    ],
    "user": Annotated[str | None, typer.Option("--user", help="User of Redis, instead of --url.", metavar="NAME")],
    "password": Annotated[
        str | None,
        typer.Option("--password", "-a", help="Password of Redis. Safer: a URL in FIELDFARE_URL.", metavar="PASSWORD"),
    ],
    "ssl": Annotated[bool, typer.Option("--ssl", help="Use TLS.")],
}


def with_connection_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with these options if it takes ``url: Url``; any other command as it is."""
    hints = get_type_hints(command, include_extras=True)
    context = next((name for name, hint in hints.items() if hint is typer.Context), None)
    if hints.get("url") != Url or context is None or hints.keys() & OPTIONS:
        return command

    def run(**values: Any) -> None:
        postpone(ASYNCHRONOUS)
        with absent(TELEMETRY):
            import redis  # noqa: F401, PLC0415 - start-up time
        parts = {name: values.pop(name) for name in OPTIONS}
        source = values[context].get_parameter_source("url")
        named = source is not None and source.name == "COMMANDLINE"
        command(**{**values, "url": connection_url(values["url"], named=named, **parts)})

    signature = inspect.signature(command)
    option = partial(inspect.Parameter, kind=inspect.Parameter.KEYWORD_ONLY)
    parameters = [each.replace(annotation=hints[each.name]) for each in signature.parameters.values()]
    parameters += [
        option(name, annotation=kind, default=False if name == "ssl" else None) for name, kind in OPTIONS.items()
    ]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # typer reads it
    return run


def connection_url(  # noqa: PLR0913 - the options
    url: str,
    *,
    named: bool,
    host: str | None,
    port: int | None,
    user: str | None,
    password: str | None,
    ssl: bool,
) -> str:
    """Return the URL of the server that the options name.

    A host, port, user or password is preferred to the URL of an environment variable.

    Args:
        url: from ``--url``, from an environment variable, or the default.
        named: whether it is that of ``--url``.
        host: the host; by default localhost.
        port: the port; by default 6379.
        user: the user name.
        password: the password.
        ssl: whether to use TLS, also with a URL that says otherwise.

    Raises:
        UsageError: the options contradict each other.
    """
    given = {"--host": host, "--port": port, "--user": user, "--password": password}
    parts = [name for name, value in given.items() if value]
    if parts and named:
        raise UsageError(f"Give --url, or {' and '.join(parts)}, not both.")
    if parts:
        name = quote(user or "", safe="")
        credentials = f"{name}:{quote(password, safe='')}@" if password else f"{name}@" if name else ""
        address = host or HOST
        url = f"redis://{credentials}{f'[{address}]' if ':' in address else address}:{port or PORT}"
    return _with_tls(url) if ssl else url


def _with_tls(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if scheme in TLS.values():
        return url
    if scheme not in TLS:
        raise UsageError("--ssl is for a URL that starts with redis:// or redis+sentinel://.")
    return f"{TLS[scheme]}{separator}{rest}"
