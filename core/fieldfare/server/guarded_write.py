"""Writes, creates or removes fields of existing documents, if other fields of them have the expected values.

A value that was computed from another field is written only while that field is what it was computed from. A script
on the server does it atomically; for users who may not run scripts, transactions (WATCH, MULTI) do the same.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from attrs import frozen

from fieldfare.definition import Storage
from fieldfare.documents import Batch
from fieldfare.server.conditional_write import (
    ABSENT,
    ANY_VALUE,
    CHANGED,
    OUTCOMES,
    VANISHED,
    WRONG_TYPE,
    Row,
    digest,
    expected_reply,
    field_value,
    is_wrong_type,
)
from fieldfare.server.connection import Server
from fieldfare.server.document_writer import WriteResult, trial_expiries
from fieldfare.server.guarded_script import SCRIPTS, WIDTH
from fieldfare.server.json_numbers import round_trip_safe
from fieldfare.server.nodes import HeldLock
from fieldfare.server.pipeline import Argument, Command, encode
from fieldfare.server.script import ScriptCall
from fieldfare.server.script_stream import stream_scripts
from fieldfare.server.transaction import Decision, transact
from fieldfare.server.write_script import calls_of, outcomes

__all__ = ["GuardedWrite", "trial_guarded_writes", "write_guarded", "write_guarded_batches"]

SET: Final = b"s"
REMOVE: Final = b"r"
LEAVE: Final = b"-"
"""What happens to a field."""


@frozen(hash=False)
class GuardedWrite:
    """A batch to write.

    Attributes:
        after: the new values; None for a field that is to be removed.
        before: the values that the same fields must have; None for those that must be absent. Without it, or where it
            lacks a field, any. A field whose new value is its expected one is left alone.
        guards: the values that the guards must have; None for those that must be absent. Without it, any.
    """

    after: Batch
    before: Batch | None = None
    guards: Batch | None = None


def write_guarded(server: Server, storage: Storage, write: GuardedWrite, fields: Mapping[str, str]) -> WriteResult:
    """Write fields of documents. Documents that are gone are not created again, and no key's expiry changes.

    Args:
        server: where the documents are.
        storage: how they are stored.
        write: the values.
        fields: path of a guard → path of the field that it guards. A field of a hash expires when its guard does.

    Returns:
        Keys in ``changed`` have a guard or a field with another value than the expected one.

    Raises:
        redis.exceptions.ResponseError: the first error that is not about a document's type. Some documents of the batch
            may have been written.
        redis.exceptions.ConnectionError: the server did not answer. Some documents may have been written.
    """
    [result] = write_guarded_batches(server, storage, [write], fields)
    return result


def write_guarded_batches(
    server: Server,
    storage: Storage,
    writes: Iterable[GuardedWrite],
    fields: Mapping[str, str],
    *,
    lock: HeldLock | None = None,
) -> Iterator[WriteResult]:
    """Write batch after batch as :func:`write_guarded` does.

    The server writes one batch while the caller makes the next one.

    Args:
        server: where the documents are.
        storage: how they are stored.
        writes: the values.
        fields: path of a guard → path of the field that it guards.
        lock: that of :meth:`Server.bulk_stream`.
    """

    def prepared(write: GuardedWrite) -> tuple[list[Row], list[tuple[Sequence[Row], ScriptCall]]]:
        rows = _rows(write, storage, fields)
        return rows, _calls(server, storage, rows, fields)

    def without_script(rows: Sequence[Row], _: ScriptCall) -> dict[bytes, str]:
        return _write_in_transactions(server, storage, rows, fields)

    for rows, found in stream_scripts(server, map(prepared, writes), outcomes, without_script, lock):
        others = dict(ChainMap(*found))
        yield WriteResult(
            len(rows) - len(others), *([key for key, found in others.items() if found == kind] for kind in OUTCOMES)
        )


def trial_guarded_writes(server: Server, storage: Storage, key: bytes) -> list[Command]:
    """Return the commands that a guarded write sends; the document does not exist, so that they change nothing."""
    if storage is Storage.JSON:
        return [
            ("EXISTS", key),
            ("JSON.GET", key, "$"),
            ("JSON.SET", key, "$", b"0", "XX"),
            ("JSON.DEL", key, "$.field"),
        ]
    commands: list[Command] = [("EXISTS", key), ("HGET", key, "field"), ("HDEL", key, "field")]
    commands.append(("HSET", key, "field", b"0", "without a value"))  # refused for its number of arguments
    return [*commands, *trial_expiries(key)] if server.capabilities.has_hash_field_ttl else commands


def _rows(write: GuardedWrite, storage: Storage, fields: Mapping[str, str]) -> list[Row]:
    """Return key and arguments of each document of which some field is to be written."""
    columns = [_arguments(write, storage, guard, path) for guard, path in fields.items()]
    rows = zip(write.after.keys, zip(*columns, strict=True), strict=True)
    return [
        (key, list(chain.from_iterable(parts)))
        for key, parts in rows
        if any(action != LEAVE for _, _, action, _ in parts)
    ]


def _arguments(write: GuardedWrite, storage: Storage, guard: str, path: str) -> Iterator[tuple[bytes, ...]]:
    """Yield the arguments of one field of each document."""
    before = None if write.before is None else write.before.columns.get(path)
    guards = None if write.guards is None else write.guards[guard]
    for row, value in enumerate(write.after[path]):
        yield (
            _digest(storage, guard, guards, row),
            _digest(storage, path, before, row),
            LEAVE if before is not None and before[row] == value else REMOVE if value is None else SET,
            b"" if value is None else round_trip_safe(value) if storage is Storage.JSON else value,
        )


def _digest(storage: Storage, path: str, column: Sequence[bytes | None] | None, row: int) -> bytes:
    """Return the digest of an expected value, or what replaces it."""
    if column is None:
        return ANY_VALUE
    value = column[row]
    return ABSENT if value is None else digest(expected_reply(storage, encode(path), value))


def _calls(
    server: Server, storage: Storage, rows: Sequence[Row], fields: Mapping[str, str]
) -> list[tuple[Sequence[Row], ScriptCall]]:
    mode = "expire" if server.capabilities.has_hash_field_ttl else ""
    arguments: list[Argument] = [mode, len(fields), *(encode(name) for pair in fields.items() for name in pair)]
    return calls_of(server, SCRIPTS[storage], arguments, rows)


def _write_in_transactions(
    server: Server, storage: Storage, rows: Sequence[Row], fields: Mapping[str, str]
) -> dict[bytes, str]:
    names = [(encode(guard), encode(path)) for guard, path in fields.items()]
    arguments = dict(rows)
    has_expiries = storage is Storage.HASH and server.capabilities.has_hash_field_ttl
    get = b"HGET" if storage is Storage.HASH else b"JSON.GET"

    def read(key: bytes) -> list[Command]:
        guards = [guard for guard, _ in names]
        expiries: list[Command] = [(b"HPEXPIRETIME", key, b"FIELDS", len(guards), *guards)] if has_expiries else []
        return [(b"EXISTS", key), *((get, key, name) for pair in names for name in pair), *expiries]

    def decide(key: bytes, replies: Sequence[Any]) -> Decision[str | None]:
        exists, *found = replies
        if not exists:
            return VANISHED, []
        if any(map(is_wrong_type, found)):
            return WRONG_TYPE, []
        values = [field_value(each) for each in found[: 2 * len(names)]]
        has_reply = has_expiries and isinstance(found[-1], list) and found[-1]
        expiries = found[-1] if has_reply else [-1] * len(names)
        outcome, writes = None, []
        for number, (_, name) in enumerate(names):
            guard, before, action, value = arguments[key][WIDTH * number : WIDTH * (number + 1)]
            source, present = values[2 * number : 2 * number + 2]
            if action == LEAVE:
                continue
            if not _fits(source, guard) or not _fits(present, before):
                outcome = CHANGED
            elif action == SET:
                writes += _set(storage, key, name, value, expiries[number])
            elif present is not None:
                writes.append((b"HDEL" if storage is Storage.HASH else b"JSON.DEL", key, name))
        return outcome, writes

    answers = transact(server, list(arguments), read, decide)
    return {key: answer for key, answer in zip(arguments, answers, strict=True) if answer is not None}


def _set(storage: Storage, key: bytes, name: bytes, value: bytes, expires: int) -> list[Command]:
    if storage is Storage.JSON:
        return [(b"JSON.SET", key, name, value)]
    commands: list[Command] = [(b"HSET", key, name, value)]
    if expires > 0:
        commands.append((b"HPEXPIREAT", key, expires, b"FIELDS", 1, name))
    return commands


def _fits(found: bytes | None, expected: bytes) -> bool:
    if expected == ANY_VALUE:
        return True
    return found is None if expected == ABSENT else found is not None and digest(found) == expected
