"""Reading live indexes. Nothing here changes anything on the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve
from redis.exceptions import ResponseError

from fieldfare.definition.info import Info, parse_info
from fieldfare.definition.reply import encode, mapping, text
from fieldfare.definition.snapshot import IndexStats, Snapshot
from fieldfare.errors import IndexNotFound, PreconditionError
from fieldfare.server.debug import complete
from fieldfare.server.routing import is_unknown_index

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.definition import IndexDefinition
    from fieldfare.server import Server

__all__ = [
    "REHEARSAL",
    "find_neighbours",
    "index_exists",
    "list_indexes",
    "list_user_indexes",
    "read_definition",
    "read_neighbours",
    "read_others",
    "read_snapshot",
    "read_stats",
]


REHEARSAL: Final = "fieldfare:rehearsal:"
"""What names of indexes with which a definition is tried out begin with."""


def list_indexes(server: Server) -> list[str]:
    """Return the names of all indexes, sorted; aliases are not among them."""
    return sorted(_real_name(server, text(name)) for name in server.command("FT._LIST"))


def list_user_indexes(server: Server) -> list[str]:
    """Return the names of all indexes but those with which migrations try a definition out, sorted."""
    return [name for name in list_indexes(server) if not name.startswith(REHEARSAL)]


def _real_name(server: Server, listed: str) -> str:
    """Return the name that was listed: search 2 spells line breaks in names with a backslash."""
    broken = listed.replace("\\n", "\n").replace("\\r", "\r")
    return broken if broken != listed and not index_exists(server, listed) else listed


def index_exists(server: Server, name: str) -> bool:
    """Whether there is an index or an alias of this name."""
    return _find(server, name) is not None


def read_stats(server: Server, name: str) -> IndexStats:
    """Return the figures of an index.

    Raises:
        IndexNotFound: there is none of this name.
    """
    return _read(server, name).stats


def read_definition(server: Server, name: str) -> IndexDefinition:
    """Return the definition of an index, as far as this server tells it.

    Raises:
        IndexNotFound: there is none of this name.
    """
    return complete(server, _read(server, name).definition).definition


def read_snapshot(server: Server, name: str, *, aliases: Sequence[str] = (), key_sample_limit: int = 10) -> Snapshot:
    """Return everything that the server tells about an index.

    Args:
        server: where the index lives.
        name: the index, or one of its aliases, which is then kept in the snapshot.
        aliases: further aliases that are to be kept.
        key_sample_limit: how many keys to note.

    Raises:
        IndexNotFound: there is no index and no alias of this name.
        PreconditionError: one of the aliases does not lead to this index.
    """
    info = _read(server, name)
    known = complete(server, info.definition)
    real = info.definition.name
    asked = {name} - {real}
    return Snapshot(
        definition=known.definition,
        stats=info.stats,
        synonyms=_read_synonyms(server, real),
        aliases=tuple(sorted(asked | {_checked_alias(server, alias, real) for alias in aliases})),
        key_sample=_read_keys(server, real, key_sample_limit),
        unreadable=known.unreadable,
        unknown=info.unknown,
    )


def read_neighbours(server: Server, definition: IndexDefinition) -> tuple[IndexDefinition, ...]:
    """Return the other live indexes that cover some of the same keys, by name.

    Those of the same storage with a prefix that starts with one of this index's, or the other way round.
    """
    return find_neighbours(definition, read_others(server, definition))


def find_neighbours(definition: IndexDefinition, others: Sequence[IndexDefinition]) -> tuple[IndexDefinition, ...]:
    """Return those of the other indexes that are neighbours: see :func:`read_neighbours`."""
    return tuple(
        other
        for other in others
        if other.storage is definition.storage and _overlap(other.prefixes, definition.prefixes)
    )


def read_others(server: Server, definition: IndexDefinition) -> tuple[IndexDefinition, ...]:
    """Return all other live indexes, by name."""
    others = (_find(server, name) for name in list_user_indexes(server) if name != definition.name)
    return tuple(other.definition for other in others if other is not None)


def _overlap(first: Sequence[str], second: Sequence[str]) -> bool:
    return any(one.startswith(other) or other.startswith(one) for one in first for other in second)


def _find(server: Server, name: str) -> Info | None:
    try:
        info = parse_info(server.command("FT.INFO", encode(name)))
    except ResponseError as error:
        if is_unknown_index(error):
            return None
        raise
    told = info.definition.name
    is_same = told != name and told == name.replace("\n", "\\n").replace("\r", "\\r")
    return evolve(info, definition=evolve(info.definition, name=name)) if is_same else info


def _read(server: Server, name: str) -> Info:
    info = _find(server, name)
    if info is None:
        raise IndexNotFound(name, list_user_indexes(server))
    return info


def _checked_alias(server: Server, alias: str, real: str) -> str:
    info = _find(server, alias)
    if info is None:
        raise PreconditionError(f"There is no alias named {alias!r}. Nothing was changed.")
    target = info.definition.name
    if target == alias:
        raise PreconditionError(f"{alias!r} is an index, not an alias of {real!r}. Nothing was changed.")
    if target != real:
        raise PreconditionError(
            f"The alias {alias!r} leads to the index {target!r}, not to {real!r}. Nothing was changed."
        )
    return alias


def _read_synonyms(server: Server, name: str) -> dict[str, tuple[str, ...]]:
    groups: dict[str, list[str]] = {}
    for term, ids in mapping(server.command("FT.SYNDUMP", encode(name))).items():
        for group in ids:
            groups.setdefault(text(group), []).append(term)
    return {group: tuple(sorted(terms)) for group, terms in sorted(groups.items())}


def _read_keys(server: Server, name: str, limit: int) -> tuple[str, ...]:
    if limit < 1:
        return ()
    reply = server.command("FT.SEARCH", encode(name), "*", "NOCONTENT", "LIMIT", "0", str(limit))
    if isinstance(reply, list):  # RESP2: the total, then keys
        return tuple(sorted(text(key) for key in reply[1:]))
    return tuple(sorted(text(mapping(result)["id"]) for result in mapping(reply)["results"]))
