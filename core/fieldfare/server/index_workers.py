"""``search-workers``: how many threads of a server build vector indexes, beside the main one (Redis 8).

See https://redis.io/docs/latest/develop/ai/search-and-query/administration/configuration/ .
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from redis.exceptions import ResponseError

from fieldfare.definition.reply import mapping, text
from fieldfare.server.capabilities import format_version
from fieldfare.server.refusal import CommandNotAllowed

if TYPE_CHECKING:
    from redis import Redis

    from fieldfare.server.capabilities import Capabilities, Version
    from fieldfare.server.connection import Server

__all__ = ["MOST_WORKERS", "SETTING", "WorkersUnchangeable", "read_workers", "require_changeable", "write_workers"]

SETTING: Final = "search-workers"

MOST_WORKERS: Final = 16
"""What the search module accepts at most."""

SAFE_VERSIONS: Final[tuple[Version, ...]] = ((8, 2, 7), (8, 4, 3))
"""The first version of each series that lowers the number while queries run without the risk to hang: MOD-11658,
https://github.com/RediSearch/RediSearch/pull/7410 . Series after the last one have it from the start."""


class WorkersUnchangeable(Exception):
    """The number of workers cannot be read, or not be changed without a risk; the message says why."""


def require_changeable(capabilities: Capabilities) -> None:
    """Refuse a server that may hang when the number is lowered again.

    Raises:
        WorkersUnchangeable: its search module may, or its version is unknown.
    """
    version = capabilities.search_version
    if version[:2] > SAFE_VERSIONS[-1][:2]:
        return
    if any(version[:2] == safe[:2] and version >= safe for safe in SAFE_VERSIONS):
        return
    fixed = " and ".join(map(format_version, SAFE_VERSIONS))
    raise WorkersUnchangeable(
        f"this server has {capabilities.search_name}; before {fixed}, lowering the number again while queries run can "
        "hang the server (MOD-11658)"
    )


def read_workers(server: Server, node: Redis) -> int:
    """Return how many workers a node has.

    Raises:
        WorkersUnchangeable: it does not have the setting, or the user may not read it.
        redis.exceptions.ConnectionError: it did not answer.
    """
    try:
        reply = mapping(server.command_at(node, "CONFIG", "GET", SETTING))
    except ResponseError as error:
        raise _refused(error) from error
    if SETTING not in reply:
        raise WorkersUnchangeable(
            f"this server, with {server.capabilities.search_name}, does not have it: it came with Redis 8"
        )
    return int(text(reply[SETTING]))


def write_workers(server: Server, node: Redis, number: int) -> None:
    """Change how many workers a node has, until it is restarted.

    Raises:
        WorkersUnchangeable: the user may not, or the server refuses the number.
        redis.exceptions.ConnectionError: it did not answer.
    """
    try:
        server.command_at(node, "CONFIG", "SET", SETTING, number)
    except ResponseError as error:
        raise _refused(error) from error


def _refused(error: ResponseError) -> WorkersUnchangeable:
    if not isinstance(error, CommandNotAllowed):
        return WorkersUnchangeable(f"the server answers: {error}")
    return WorkersUnchangeable(f"the right {error.right} is missing" if error.right else error.reason)
