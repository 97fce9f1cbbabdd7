"""Which node of a cluster a command must go to."""

from __future__ import annotations

from typing import Final

from redis.exceptions import ResponseError

from fieldfare.server.pipeline import Argument, Command, encode

__all__ = ["ROUTE_EVERYWHERE", "command_name", "is_unknown_index", "route"]

ROUTE_EVERYWHERE: Final = frozenset({b"FT._LIST"})
"""Commands that every primary answers for itself; their replies are lists."""

_KEYLESS: Final = frozenset(
    b"ACL AUTH CLIENT CLUSTER COMMAND CONFIG DBSIZE ECHO FLUSHALL FLUSHDB FT.CONFIG FUNCTION HELLO INFO KEYS "
    b"LATENCY MODULE PING RANDOMKEY SCAN SCRIPT TIME WAIT WAITAOF".split()
)
_POSITIONS: Final = {
    b"EVAL": 3,
    b"EVALSHA": 3,
    b"EVAL_RO": 3,
    b"EVALSHA_RO": 3,
    b"FCALL": 3,
    b"FCALL_RO": 3,
    b"MEMORY": 2,
    b"OBJECT": 2,
    b"FT.ALIASADD": 2,
    b"FT.ALIASUPDATE": 2,
    b"FT.CURSOR": 2,
    b"FT.DEBUG": 2,
    b"_FT.DEBUG": 2,
}
"""The argument that holds the key, or the name of the index, where it is not the first one."""

_UNKNOWN_INDEX: Final = ("unknown index name", "no such index", "index_not_found", "alias does not exist")


def route(command: Command) -> bytes | None:
    """Return the key, or the name of the index, that decides which node gets the command; None if any node can.

    Without a cluster coordinator, an index and its aliases live on the node that owns the slot of their names; the
    names must share one slot. With a coordinator any node can answer, but a cursor must be read on the node that
    opened it.
    """
    name = command_name(command[0])
    position = _POSITIONS.get(name, 1)
    if name in _KEYLESS or len(command) <= position:
        return None
    return encode(command[position])


def command_name(argument: Argument) -> bytes:
    """Return the name of a command in capitals."""
    return encode(argument).upper()


def is_unknown_index(reply: object) -> bool:
    """Whether this reply says that no such index or alias exists; the words differ between versions."""
    return isinstance(reply, ResponseError) and any(words in str(reply).lower() for words in _UNKNOWN_INDEX)
