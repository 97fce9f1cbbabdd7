"""All indexes of a server with their figures, read in one round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen
from redis.exceptions import ResponseError

from fieldfare.definition.info import parse_info
from fieldfare.definition.reply import encode, text
from fieldfare.server.inspect import list_user_indexes
from fieldfare.server.lock import describe_lock, lock_command

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fieldfare.definition import IndexDefinition, IndexStats
    from fieldfare.server import Server

__all__ = ["ListedIndex", "list_with_figures"]

PER_INDEX: Final = 3
"""Commands that are sent for each index."""


@frozen(hash=False)
class ListedIndex:
    """An index of a server.

    Attributes:
        name: its own.
        definition: None if it could not be read.
        stats: None if they could not be read.
        aliases: those that lead to it; None where the server does not list aliases.
        migrated_by: the process that migrates it, as text; "" if none does.
    """

    name: str
    definition: IndexDefinition | None = None
    stats: IndexStats | None = None
    aliases: tuple[str, ...] | None = None
    migrated_by: str = ""


def list_with_figures(server: Server) -> list[ListedIndex]:
    """Return all indexes, sorted by name; what the user may not read of one is left out.

    Raises:
        CommandNotAllowed: the user may not list indexes.
    """
    names = list_user_indexes(server)
    commands = [
        command
        for name in names
        for command in (("FT.INFO", encode(name)), ("FT.ALIASLIST", encode(name)), lock_command(name))
    ]
    replies = server.bulk(commands) if commands else []
    return [_listed(name, *replies[PER_INDEX * row : PER_INDEX * (row + 1)]) for row, name in enumerate(names)]


def _listed(name: str, info: Any, aliases: Any, lock: Any) -> ListedIndex:
    holder = describe_lock(lock) if isinstance(lock, bytes) else ""
    known = None if isinstance(aliases, ResponseError) else tuple(sorted(map(text, _items(aliases))))
    if isinstance(info, ResponseError):
        return ListedIndex(name, aliases=known, migrated_by=holder)
    try:
        read = parse_info(info)
    except ValueError:  # of another search module
        return ListedIndex(name, aliases=known, migrated_by=holder)
    return ListedIndex(name, read.definition, read.stats, known, holder)


def _items(reply: Any) -> Iterable[Any]:
    return reply if isinstance(reply, list | tuple | set | frozenset) else ()
