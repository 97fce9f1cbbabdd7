"""Options of the whole program, which may stand before or behind the command.

They are read before the command line is built: ``-p no:NAME`` decides which plugins add commands, ``--json`` how a
usage error is reported. Behind a command, ``-p`` with a number is its port, as for RedisVL's ``rvl``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Final
from urllib.parse import quote

from attrs import frozen

from fieldfare.errors import UsageError
from fieldfare.support.redaction import secrets_in

__all__ = ["Arguments", "known_secrets", "read_arguments"]

FLAGS: Final = frozenset({"--json", "--traceback", "--otel", "-v", "-vv", "--verbose"})
VALUES: Final = frozenset({"-p", "--log-format", "--log-level"})
BLOCK: Final = "no:"
URLS: Final = ("--url", "-u")
PASSWORDS: Final = ("--password", "-a")
URL_VARIABLES: Final = ("FIELDFARE_URL", "REDIS_URL")


@frozen
class Arguments:
    """A command line, with the program's own options first.

    Attributes:
        ordered: all arguments, the program's own options first.
        json: whether the result is JSON.
        traceback: whether errors are shown with their traceback.
        blocked: plugins to leave out.
        command: the first argument behind the program's own options; None if it is an option, too.
    """

    ordered: tuple[str, ...]
    json: bool
    traceback: bool
    blocked: tuple[str, ...]
    command: str | None


def read_arguments(arguments: Sequence[str]) -> Arguments:
    """Find the program's own options. Arguments behind ``--`` stay where they are.

    Raises:
        UsageError: an option without its value, or a ``-p`` that is neither ``no:NAME`` nor a port.
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    own: list[str] = []
    rest: list[str] = []
    blocked: list[str] = []
    pending = iter(arguments[:end])
    for argument in pending:
        name, equals, value = argument.partition("=")
        if argument.startswith("-p") and argument not in VALUES and not argument.startswith("--"):
            name, equals, value = "-p", "=", argument[2:]
        if argument in FLAGS:
            own.append(argument)
        elif name in VALUES:
            given = value if equals else next(pending, None)
            if given is None:
                raise UsageError(f"Option {name} needs a value.")
            if name == "-p" and given.isdecimal():
                rest += ["-p", _port(given, rest)]
                continue
            own += [name, given]
            if name == "-p":
                blocked.append(_blocked(given))
        else:
            rest.append(argument)
    return Arguments(
        ordered=(*own, *rest, *arguments[end:]),
        json="--json" in own,
        traceback="--traceback" in own,
        blocked=tuple(blocked),
        command=rest[0] if rest and not rest[0].startswith("-") else None,
    )


def known_secrets(arguments: Sequence[str]) -> frozenset[str]:
    """Return the secrets on this process's command line and in its environment."""
    given = [os.environ.get(name, "") for name in URL_VARIABLES]
    given += [argument for argument in arguments if "://" in argument]
    given += [value for name, value in pairwise(arguments) if name in URLS]
    passwords = [value for name, value in pairwise(arguments) if name in PASSWORDS]
    passwords += [each.removeprefix("--password=") for each in arguments if each.startswith("--password=")]
    passwords += [each.removeprefix("-a") for each in arguments if each.startswith("-a")]
    raw = (password.encode("utf-8", "surrogateescape") for password in passwords)
    given += [f"redis://:{quote(password, safe='')}@host" for password in raw if password]
    return secrets_in(argument.removeprefix("--url=") for argument in given)


def _blocked(value: str) -> str:
    if not value.startswith(BLOCK) or value == BLOCK:
        raise UsageError(
            f"Option -p takes no:NAME, to run without the plugin NAME, or after a command a port; not {value!r}."
        )
    return value.removeprefix(BLOCK)


def _port(value: str, before: Sequence[str]) -> str:
    if all(argument.startswith("-") for argument in before):
        raise UsageError(f"Option -p takes no:NAME here. Write a port after the command: 'fieldfare list -p {value}'.")
    return value
