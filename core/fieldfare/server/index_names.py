"""Moving names from one index to another: aliases, and the name of a real index.

An alias moves with one command. The name of a real index only becomes free when its index is dropped; then it becomes
an alias of the other index. Which way a server allows differs, and it is tried before: see :func:`find_name_move`.
FT.DROPINDEX follows aliases: sent once more to a name that has moved, it would drop the other index. So it is sent
only to a name that is the index's own, and in a transaction that an attempt before this one can no longer carry out.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from itertools import count
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from redis.crc import key_slot
from redis.exceptions import ResponseError, TryAgainError

from fieldfare.definition.reply import encode
from fieldfare.errors import IndexNotFound
from fieldfare.server import index_commands
from fieldfare.server.index_commands import carry_out, target_of
from fieldfare.server.inspect import read_info
from fieldfare.server.pipeline import acquire_connection, checked, exchange, receive, send
from fieldfare.server.refusal import CommandNotAllowed, name_refusals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis import Redis

    from fieldfare.server.connection import Server
    from fieldfare.server.pipeline import Command

__all__ = ["NameMove", "find_name_move", "is_own_name", "move_names", "name_in_slot", "real_name"]

FENCE: Final = "fieldfare:switch:"
FENCE_SECONDS: Final = 3600
REPAIRS: Final = 20
"""How often an alias is pointed at the new index if the server says for a moment that there is no such index."""


class NameMove(StrEnum):
    """How the name of a real index moves to another index."""

    TRANSACTION = "transaction"
    """The drop and the new alias in one transaction: no query comes in between."""

    ALIAS_FIRST = "alias first"
    """The alias is made while the index still lives, and answers as soon as that is dropped."""

    IN_TURN = "in turn"
    """The drop, then the alias: queries in between fail."""


def real_name(server: Server, name: str) -> str | None:
    """Return the name of the index that answers to a name; None if there is none."""
    try:
        return read_info(server, name).definition.name
    except IndexNotFound:
        return None


def is_own_name(server: Server, name: str) -> bool:
    """Whether this is the name of an index itself; with a coordinator, on any primary."""
    if not server.capabilities.coordinator:
        return real_name(server, name) == name
    return any(target_of(server, node, name) == name for node in server.nodes())


def name_in_slot(server: Server, name: str, slot_of: str) -> str:
    """Return a name that starts with ``name``; in a cluster one of the same slot as another name."""
    if not server.capabilities.cluster or server.capabilities.coordinator:
        return name
    slot = key_slot(encode(slot_of))
    if key_slot(encode(name)) == slot:
        return name
    return next(each for number in count() if key_slot(encode(each := f"{name}:{number}")) == slot)


def find_name_move(server: Server, first: str, second: str) -> NameMove:
    """Try on two indexes that are there for this alone how the name of one can become an alias of the other.

    Args:
        server: where they are.
        first: the index that is dropped.
        second: the index that gets its name as an alias.

    Raises:
        CommandNotAllowed: the user may do it in no way, or only in one with a gap that another way would not have.
        redis.exceptions.ResponseError: the server allows no way.
    """
    # with a coordinator, a transaction would reach one primary alone
    ways = [NameMove.ALIAS_FIRST, NameMove.IN_TURN] if server.capabilities.coordinator else list(NameMove)
    failure: ResponseError | None = None
    for way in ways:
        if way is NameMove.IN_TURN and isinstance(failure, CommandNotAllowed):
            break
        try:
            move_names(server, [first], second, way)
        except ResponseError as error:
            failure = error if failure is None or not isinstance(failure, CommandNotAllowed) else failure
            if real_name(server, first) != first:
                break
        else:
            return way
    raise failure or ResponseError("there is no way")


def move_names(server: Server, names: Sequence[str], target: str, way: NameMove | None = None) -> None:
    """Have names lead to an index; those that do already stay. All aliases move in one write.

    Args:
        server: where the indexes are.
        names: aliases, names that nobody has, and at most one name of a real index, which is dropped.
        target: the index.
        way: how the name of the real index moves; None if none of the names is one.

    Raises:
        redis.exceptions.ResponseError: the server refuses it.
        redis.exceptions.TryAgainError: an earlier attempt may still come to an end.
    """
    fence = _raise_fence(server, target) if way is NameMove.TRANSACTION else ()
    is_coordinated = server.capabilities.coordinator  # one primary may differ from the one that is asked
    leads = {name: real_name(server, name) for name in names}
    dropped = [name for name in names if (is_own_name(server, name) if is_coordinated else leads[name] == name)]
    aliases = [name for name in names if name not in dropped and (is_coordinated or leads[name] != target)]
    if dropped and way is None:
        raise ResponseError(f"{dropped[0]} is an index, not an alias")
    if aliases and not (dropped and way is NameMove.TRANSACTION):
        _point(server, aliases, target)  # before the drop, which would remove them
    for name in dropped:
        if way is NameMove.TRANSACTION:
            _in_transaction(server, name, aliases, target, fence)
        else:
            _one_by_one(server, name, target, first=way is NameMove.ALIAS_FIRST)


def _point(server: Server, aliases: Sequence[str], target: str) -> None:
    """Point aliases at an index, also where the server says for a moment that there is none."""
    for attempt in range(REPAIRS):
        try:
            if server.capabilities.coordinator or len(aliases) == 1:
                for alias in aliases:
                    index_commands.point_alias(server, alias, target)
                return
            replies = server.bulk([_update(alias, target) for alias in aliases])
            errors = [reply for reply in replies if isinstance(reply, ResponseError)]
            if not errors:
                return
            raise errors[0]
        except CommandNotAllowed:
            raise
        except ResponseError:
            if attempt == REPAIRS - 1 or real_name(server, target) is None:
                raise


def _one_by_one(server: Server, name: str, target: str, *, first: bool) -> None:
    if first:
        try:
            _add_alias(server, name, target)
        except ResponseError as error:
            if "already exists" not in str(error).lower():
                raise
    _replace_own(server, name, target)
    _point(server, [name], target)


def _drop_own(server: Server, name: str) -> None:
    """Drop the index of this very name; an index to which the name leads as an alias stays.

    With a coordinator a command reaches all primaries, and each follows its own aliases: so the name is first taken
    from those on which it is an alias now.

    Raises:
        redis.exceptions.ResponseError: the server refuses it.
    """
    name_as_argument = encode(name)

    def holding(*, own: bool) -> list[Redis]:
        found = [(node, target_of(server, node, name)) for node in server.nodes()]
        return [node for node, target in found if target is not None and (target == name) is own]

    if not server.capabilities.coordinator:
        if is_own_name(server, name):
            server.command("FT.DROPINDEX", name_as_argument)
        return
    if holding(own=True):
        carry_out(server, [("FT.ALIASDEL", name_as_argument)], lambda: holding(own=False))
        carry_out(server, [("FT.DROPINDEX", name_as_argument)], lambda: holding(own=True))


def _replace_own(server: Server, name: str, target: str) -> None:
    """Drop the index of this very name, and make the name an alias of another index, as fast as can be.

    Where every primary holds the index, both commands are sent in one write: queries fail until the second one is
    carried out. What is not, is to be made up for by the caller.

    Raises:
        redis.exceptions.ResponseError: the server refuses the drop.
    """
    is_coordinated = server.capabilities.coordinator
    held = (target_of(server, node, name) == name for node in server.nodes()) if is_coordinated else ()
    if is_own_name(server, name) and all(held):
        commands = [("FT.DROPINDEX", encode(name)), ("FT.ALIASADD", encode(name), encode(target))]
        checked(name_refusals(commands, exchange(server.node_for(*commands[0]), commands))[0])
    _drop_own(server, name)


def _add_alias(server: Server, alias: str, name: str) -> None:
    """Make an alias of an index, which may be the name of another index that lives.

    Raises:
        redis.exceptions.ResponseError: the server refuses it; there is such an alias.
    """
    server.command("FT.ALIASADD", encode(alias), encode(name))


def _raise_fence(server: Server, target: str) -> tuple[str, bytes]:
    """Keep every transaction of an earlier attempt from being carried out late."""
    digest = hashlib.sha256(encode(target)).hexdigest()[:16]
    key, token = name_in_slot(server, FENCE + digest, target), token_hex(8).encode()
    server.command("SET", key, token, "EX", FENCE_SECONDS)
    return key, token


def _in_transaction(
    server: Server, name: str, aliases: Sequence[str], target: str, fence: tuple[str, bytes] | tuple[()]
) -> None:
    key, token = fence  # type: ignore[misc]  # there is one
    moves = [_update(each, target) for each in (*aliases, name)]
    with acquire_connection(server.node_for("FT.DROPINDEX", encode(name))) as connection:

        def ask(*commands: Command) -> list[object]:
            send(connection, commands)
            return name_refusals(commands, receive(connection, len(commands)))

        # by itself: where MULTI is refused, what follows would be carried out at once
        watched, held, begun = ask(("WATCH", key), ("GET", key), ("MULTI",))
        _raise_errors([watched, held, begun])
        if held != token:
            raise TryAgainError(f"another attempt to move {name!r} began")
        *queued, outcome = ask(("FT.DROPINDEX", encode(name)), *moves, ("PEXPIRE", key, 0), ("EXEC",))
        _raise_errors([*queued, outcome])
    if outcome is None:
        raise TryAgainError(f"another attempt to move {name!r} began")
    done = list(outcome)  # type: ignore[call-overload]  # the replies of EXEC
    _raise_errors(done[:1])
    if any(isinstance(each, ResponseError) for each in done):
        _point(server, [*aliases, name], target)


def _update(alias: str, target: str) -> Command:
    return "FT.ALIASUPDATE", encode(alias), encode(target)


def _raise_errors(replies: Sequence[object]) -> None:
    for reply in replies:
        checked(reply)
