"""Copies whole documents to other keys, while both keys are as they were when somebody looked at them.

A script on the server compares and copies atomically. Between the slots of a cluster the value passes through this
program (DUMP, RESTORE); then the key that is written is compared atomically, and the one that is read once more
afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Final, TypeAlias, TypeVar

from attrs import frozen
from redis.crc import key_slot
from redis.exceptions import ResponseError

from fieldfare.definition import Storage
from fieldfare.server.connection import Server
from fieldfare.server.key_scripts import COPY, READ, REMOVE, WRITE
from fieldfare.server.keys import TYPES
from fieldfare.server.permissions import require_allowed
from fieldfare.server.pipeline import Argument
from fieldfare.server.script import ScriptCall, evalsha_command, resend_unknown_scripts

__all__ = [
    "GONE",
    "OTHER_TYPE",
    "KeyCopy",
    "copy_keys",
    "hold_documents",
    "read_states",
    "require_copy_rights",
    "restore_keys",
    "unlink_keys",
]

GONE: Final = b""
"""The state of a key that does not exist."""

OTHER_TYPE: Final = b"other"
"""The state of a key that holds no document of the index's storage type."""

KEYS_AT_ONCE: Final = 50
"""Keys that a node reads before it serves other clients: this takes about a millisecond."""

DUMPS_AT_ONCE: Final = 50
"""How many values are in memory at once."""

Item = TypeVar("Item")

State: TypeAlias = bytes
"""A digest of a key's value and expiries, as the server computes it; or :data:`GONE`, or :data:`OTHER_TYPE`."""


@frozen
class KeyCopy:
    """A key to copy.

    Attributes:
        source: the key that is read; if it holds no document, the copy is removed.
        copy: the key that is written, over any value.
        source_state: what the former must be.
        copy_state: what the latter must be.
    """

    source: bytes
    copy: bytes
    source_state: State
    copy_state: State

    @property
    def shares_slot(self) -> bool:
        """Whether both keys lie in one slot of a cluster, and so always on one node."""
        return key_slot(self.source) == key_slot(self.copy)


def read_states(server: Server, storage: Storage, keys: Sequence[bytes]) -> list[State]:
    """Return the state of each key.

    Raises:
        redis.exceptions.ResponseError: the server refused.
    """
    arguments = _arguments(server, storage)
    return _call_in_turns(server, keys, KEYS_AT_ONCE, lambda part: ScriptCall(READ, part, arguments))


def hold_documents(server: Server, storage: Storage, keys: Sequence[bytes]) -> list[bool]:
    """Return whether each key holds a document, of whatever content.

    Raises:
        redis.exceptions.ResponseError: the server refused.
    """
    replies = server.bulk([(b"TYPE", key) for key in keys]) if keys else []
    return [_raised(reply) == TYPES[storage] for reply in replies]


def copy_keys(server: Server, storage: Storage, copies: Sequence[KeyCopy]) -> set[bytes]:
    """Copy keys with their expiries.

    Returns:
        The sources of the pairs that were not as expected; they are unchanged. Between the slots of a cluster the copy
        may have been written from a source that another client changes at the same moment.

    Raises:
        redis.exceptions.ResponseError: the server refused; some copies may have been written.
    """
    is_cluster = server.capabilities.cluster
    together = [each for each in copies if not is_cluster or each.shares_slot]
    changed = _copy_on_node(server, storage, together)
    apart = [each for each in copies if is_cluster and not each.shares_slot]
    for start in range(0, len(apart), DUMPS_AT_ONCE):
        changed |= _copy_between_slots(server, storage, apart[start : start + DUMPS_AT_ONCE])
    return changed


def unlink_keys(server: Server, storage: Storage, keys: Sequence[tuple[bytes, State]]) -> set[bytes]:
    """Remove keys that are in these states; return those that are not.

    Raises:
        redis.exceptions.ResponseError: the server refused; some may have been removed.
    """
    arguments = _arguments(server, storage)

    def call(part: Sequence[tuple[bytes, State]]) -> ScriptCall:
        return ScriptCall(REMOVE, [key for key, _ in part], [*arguments, *(state for _, state in part)])

    done = _call_in_turns(server, keys, KEYS_AT_ONCE, call)
    return {key for (key, _), is_done in zip(keys, done, strict=True) if not is_done}


def restore_keys(server: Server, storage: Storage, values: Sequence[tuple[bytes, bytes, int]]) -> int:
    """Restore keys that do not exist: each with its dump, and when it expires, 0 for never.

    Returns:
        How many were restored.

    Raises:
        redis.exceptions.ResponseError: the server refused; some may have been restored.
    """
    arguments = _arguments(server, storage)
    calls = [ScriptCall(WRITE, [key], [*arguments, GONE, dump, expires]) for key, dump, expires in values]
    return sum(_call(server, calls))


def require_copy_rights(server: Server, storage: Storage, pairs: Sequence[tuple[bytes, bytes]]) -> None:
    """Try every command on keys that do not exist.

    Args:
        server: where the documents are.
        storage: how they are stored.
        pairs: keys between which documents are copied, there and back.

    Raises:
        CommandNotAllowed: the user may not run one of them.
    """
    reads: list[tuple[Argument, ...]] = [("JSON.GET",)] if storage is Storage.JSON else [("HGETALL",)]
    if storage is Storage.HASH and server.capabilities.has_hash_field_ttl:
        reads.append(("HPEXPIRETIME", "FIELDS", 1, "field"))
    reads += [("TYPE",), ("PEXPIRETIME",), ("UNLINK",), ("DUMP",)]
    commands: list[tuple[Argument, ...]] = []
    for pair in pairs:
        for key, other in (pair, pair[::-1]):
            commands += [(name, key, *rest) for name, *rest in reads]
            commands.append(("RESTORE", key, 0, b"no dump"))
            if not server.capabilities.cluster or key_slot(key) == key_slot(other):
                commands.append(("COPY", key, other))
            commands += [("EVAL", b"return 0", 1, key), ("EVALSHA", "0" * 40, 1, key)]
    require_allowed(server, commands)


def _copy_on_node(server: Server, storage: Storage, copies: Sequence[KeyCopy]) -> set[bytes]:
    arguments = _arguments(server, storage)

    def call(part: Sequence[KeyCopy]) -> ScriptCall:
        states = [state for each in part for state in (each.source_state, each.copy_state)]
        return ScriptCall(COPY, [key for each in part for key in (each.source, each.copy)], [*arguments, *states])

    done = _call_in_turns(server, copies, KEYS_AT_ONCE // 2, call)
    return {each.source for each, is_done in zip(copies, done, strict=True) if not is_done}


def _copy_between_slots(server: Server, storage: Storage, copies: Sequence[KeyCopy]) -> set[bytes]:
    keys = [each.source for each in copies]
    read = [command for key in keys for command in ((b"DUMP", key), (b"PEXPIRETIME", key))]
    replies = [_raised(reply) for reply in server.bulk(read)]
    values = zip(replies[::2], replies[1::2], read_states(server, storage, keys), strict=True)
    changed, calls = set(), []
    for each, (payload, expires, state) in zip(copies, values, strict=True):
        if state != each.source_state:
            changed.add(each.source)
            continue
        value = [] if state in {GONE, OTHER_TYPE} else [payload, max(expires, 0)]
        call = ScriptCall(WRITE, [each.copy], [*_arguments(server, storage), each.copy_state, *value])
        calls.append((each, call))
    written = [each for each, _ in calls]
    changed |= {
        each.source
        for each, reply in zip(written, _call(server, [call for _, call in calls]), strict=True)
        if not reply
    }
    after = read_states(server, storage, [each.source for each in written])
    return changed | {each.source for each, state in zip(written, after, strict=True) if state != each.source_state}


def _arguments(server: Server, storage: Storage) -> list[Argument]:
    return [TYPES[storage], b"expire" if server.capabilities.has_hash_field_ttl else b""]


def _call_in_turns(server: Server, items: Sequence[Item], at_once: int, call: Callable[..., ScriptCall]) -> list[Any]:
    """Run a script over items, a few per call, and return its result for each.

    A server runs everything that a client has sent before it serves the next client. So each call is sent after the
    answer to the previous one. In a cluster, a call has one item.

    Raises:
        redis.exceptions.ResponseError: the server refused; earlier items are done.
    """
    results: list[Any] = []
    while len(results) < len(items):
        turn = items[len(results) : len(results) + at_once]
        parts = [[each] for each in turn] if server.capabilities.cluster else [turn]
        results += chain.from_iterable(_call(server, [call(part) for part in parts]))
    return results


def _call(server: Server, calls: Sequence[ScriptCall]) -> list[Any]:
    """Run scripts.

    Raises:
        redis.exceptions.ResponseError: the first that one of them raised.
    """
    if not calls:
        return []
    replies = server.bulk([evalsha_command(call) for call in calls])
    return [_raised(reply) for reply in resend_unknown_scripts(server, calls, replies)]


def _raised(reply: Any) -> Any:
    if isinstance(reply, ResponseError):
        raise reply
    return reply
