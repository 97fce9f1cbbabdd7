"""Reads live indexes. Changes nothing on the server."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen
from redis.exceptions import MovedError, ResponseError

from fieldfare.definition.info import Info, parse_info
from fieldfare.definition.reply import encode, mapping, text
from fieldfare.definition.snapshot import SYNONYMS, IndexStats, Snapshot
from fieldfare.errors import IndexNotFound, PreconditionError, UnsupportedServer
from fieldfare.server.hidden_options import complete_definition
from fieldfare.server.refusal import TRIAL_KEY, CommandNotAllowed, optional
from fieldfare.server.routing import is_unknown_index
from fieldfare.server.search import search_keys

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis import Redis

    from fieldfare.definition import IndexDefinition
    from fieldfare.server import Server

__all__ = [
    "REHEARSAL_PREFIX",
    "OtherIndexes",
    "find_overlapping_indexes",
    "has_index",
    "index_exists",
    "list_indexes",
    "list_user_indexes",
    "read_all_definitions",
    "read_definition",
    "read_info",
    "read_other_definitions",
    "read_overlapping_indexes",
    "read_snapshot",
    "read_stats",
]

REHEARSAL_PREFIX: Final = TRIAL_KEY.decode()
"""Prefix of the names of temporary indexes with which a run tests whether the server accepts a definition."""


@frozen
class OtherIndexes:
    """Live indexes, beside the one that is migrated.

    Attributes:
        definitions: sorted by name.
        unreadable: what the user may not read of them, one line each.
    """

    definitions: tuple[IndexDefinition, ...] = ()
    unreadable: tuple[str, ...] = ()


def list_indexes(server: Server) -> list[str]:
    """Return the names of all indexes, sorted; aliases are not among them."""
    return sorted(_real_name(server, text(name)) for name in server.command("FT._LIST"))


def list_user_indexes(server: Server) -> list[str]:
    """Return the names of all indexes except those of rehearsals, sorted."""
    return [name for name in list_indexes(server) if not name.startswith(REHEARSAL_PREFIX)]


def _real_name(server: Server, listed: str) -> str:
    """Return the name of a listed index: search 2 escapes line breaks in names."""
    broken = _unescaped(listed)
    return broken if broken != listed and not index_exists(server, listed) else listed


def has_index(server: Server, node: Redis, index: str) -> bool:
    """Whether a node of a cluster has an index."""
    try:
        return encode(index) in server.command_at(node, "FT._LIST")
    except CommandNotAllowed:
        pass  # FT.INFO tells, too
    try:
        server.command_at(node, "FT.INFO", encode(index))
    except ResponseError as error:
        if is_unknown_index(error) or isinstance(error, MovedError):
            return False
        raise
    return True


def index_exists(server: Server, name: str) -> bool:
    """Whether an index or an alias of this name exists."""
    return _find_info(server, name) is not None


def read_info(server: Server, name: str) -> Info:
    """Return the content of FT.INFO.

    Raises:
        IndexNotFound: no index has this name.
    """
    info = _find_info(server, name)
    if info is None:
        raise IndexNotFound(name, optional(lambda: list_user_indexes(server), None))
    return info


def read_stats(server: Server, name: str) -> IndexStats:
    """Return the statistics of an index.

    Raises:
        IndexNotFound: no index has this name.
    """
    return read_info(server, name).stats


def read_definition(server: Server, name: str, *, vector_options: bool = True) -> IndexDefinition:
    """Return the definition of an index, named by itself or an alias, as far as the server reports it.

    Args:
        server: where it is.
        name: its name.
        vector_options: whether FT.DEBUG is asked for those of vectors: of a large HNSW index, that takes long.

    Raises:
        IndexNotFound: no index has this name.
    """
    return complete_definition(server, read_info(server, name), vector_options=vector_options).definition


def read_snapshot(server: Server, name: str, *, aliases: Sequence[str] = (), key_sample_limit: int = 10) -> Snapshot:
    """Return everything that the server reports about an index.

    Args:
        server: the server of the index.
        name: the index, or one of its aliases; an alias becomes part of the snapshot.
        aliases: further aliases of the index for the snapshot, where the server does not list them.
        key_sample_limit: how many keys to sample.

    Raises:
        IndexNotFound: no index and no alias has this name.
        PreconditionError: one of the aliases does not exist, or is not an alias of this index.
    """
    info = read_info(server, name)
    complete = complete_definition(server, info)
    real = info.definition.name
    known = ({name} - {real}) | {_require_alias(server, alias, real) for alias in aliases}
    listed = _list_aliases(server, real)
    unreadable = complete.unreadable
    try:
        synonyms = _read_synonyms(server, real)
    except CommandNotAllowed as error:
        synonyms = {}
        unreadable += (f"{SYNONYMS} ({error.reason})",)
    return Snapshot(
        definition=complete.definition,
        stats=info.stats,
        synonyms=synonyms,
        aliases=tuple(sorted(known | (listed or set()))),
        aliases_listed=listed is not None,
        key_sample=_read_keys(server, real, key_sample_limit),
        unreadable=unreadable,
        unknown=info.unknown,
        ambiguous=info.ambiguous,
    )


def read_overlapping_indexes(server: Server, definition: IndexDefinition) -> tuple[IndexDefinition, ...]:
    """Return the other live indexes that cover some of the same keys, sorted by name.

    An index overlaps if it has the same storage and a prefix that starts with a prefix of this index, or is the start
    of one.
    """
    return find_overlapping_indexes(definition, read_other_definitions(server, definition).definitions)


def find_overlapping_indexes(
    definition: IndexDefinition, others: Sequence[IndexDefinition]
) -> tuple[IndexDefinition, ...]:
    """Return those of the other indexes that overlap: see :func:`read_overlapping_indexes`."""
    return tuple(
        other
        for other in others
        if other.storage is definition.storage and _overlap(other.prefixes, definition.prefixes)
    )


def read_other_definitions(server: Server, definition: IndexDefinition) -> OtherIndexes:
    """Return the definitions of all live indexes but one, as far as the user may read them."""
    return read_all_definitions(server, besides=definition.name)


def read_all_definitions(server: Server, *, besides: str | None = None) -> OtherIndexes:
    """Return the definitions of all live indexes, as far as the user may read them."""
    try:
        names = [name for name in list_user_indexes(server) if name != besides]
    except CommandNotAllowed as error:
        return OtherIndexes(unreadable=(f"which other indexes there are ({error.reason})",))
    found: list[IndexDefinition] = []
    refused: list[str] = []
    for name in names:
        try:
            info = _find_info(server, name)
        except CommandNotAllowed:
            refused.append(name)
            continue
        if info is not None:
            found.append(info.definition)
    unreadable = (f"the definition of {', '.join(map(repr, refused))} (the user may not read it)",) if refused else ()
    return OtherIndexes(tuple(found), unreadable)


def _overlap(first: Sequence[str], second: Sequence[str]) -> bool:
    return any(one.startswith(other) or other.startswith(one) for one in first for other in second)


def _find_info(server: Server, name: str) -> Info | None:
    info = _ask_info(server, name)
    if info is None or _unescaped(info.definition.name) == info.definition.name:
        return info
    shown = info.definition.name
    spellings = {each for each in (name, shown, _unescaped(shown)) if _escaped(each) == shown}
    names = [each for each in spellings if each == name or _ask_info(server, each) is not None]
    if len(names) == 1:
        return evolve(info, definition=evolve(info.definition, name=names[0]))
    return evolve(info, ambiguous=(shown, *info.ambiguous))


def _ask_info(server: Server, name: str) -> Info | None:
    reply = _info_reply(server, name)
    try:
        return None if reply is None else parse_info(reply)
    except ValueError as error:
        has = f"another search module: {error}"
        raise UnsupportedServer(f"Reading the index {name!r}", has=has, needs="Redis Search") from error


def _info_reply(server: Server, name: str) -> Any:
    """Return the reply to FT.INFO; None if no primary has such an index."""
    # with a coordinator, a primary that lacks the index does not answer for the others
    nodes = server.nodes() if server.capabilities.coordinator else ()
    for ask in (partial(server.command), *(partial(server.command_at, node) for node in nodes)):
        try:
            return ask("FT.INFO", encode(name))
        except ResponseError as error:
            if not is_unknown_index(error):
                raise
    return None


def _escaped(name: str) -> str:
    """Return a name as search 2 shows it; it does not escape backslashes."""
    return name.replace("\n", "\\n").replace("\r", "\\r")


def _unescaped(shown: str) -> str:
    return shown.replace("\\n", "\n").replace("\\r", "\r")


def _require_alias(server: Server, alias: str, real: str) -> str:
    info = _find_info(server, alias)
    if info is None:
        raise PreconditionError(f"There is no alias named {alias!r}. Nothing was changed.")
    target = info.definition.name
    if target == alias:
        raise PreconditionError(f"{alias!r} is an index, not an alias of {real!r}. Nothing was changed.")
    if target != real:
        raise PreconditionError(f"{alias!r} is an alias of the index {target!r}, not of {real!r}. Nothing was changed.")
    return alias


def _list_aliases(server: Server, name: str) -> set[str] | None:
    """Return all aliases of an index; None where the server cannot list them, or the user may not."""
    try:
        reply = server.command("FT.ALIASLIST", encode(name))
    except ResponseError as error:
        if isinstance(error, CommandNotAllowed) or "unknown command" in str(error).lower():
            return None
        raise
    return set(map(text, reply))  # a list in RESP2, a set in RESP3


def _read_synonyms(server: Server, name: str) -> dict[str, tuple[str, ...]]:
    groups: dict[str, list[str]] = {}
    try:
        reply = server.command("FT.SYNDUMP", encode(name))
    except ResponseError as error:
        if not (server.capabilities.coordinator and is_unknown_index(error)):
            raise
        reply = ()  # this primary lacks the index that others have
    for term, ids in mapping(reply).items():
        for group in ids:
            groups.setdefault(text(group), []).append(term)
    return {group: tuple(sorted(terms)) for group, terms in sorted(groups.items())}


def _read_keys(server: Server, name: str, limit: int) -> tuple[str, ...]:
    return tuple(sorted(map(text, search_keys(server, name, limit)))) if limit > 0 else ()
