"""Overwrites fields of existing documents, if the fields still have the expected values.

A script on the server compares and writes atomically, so a value that an application writes at the same time is never
overwritten. For users who may not run scripts, transactions (WATCH, MULTI) do the same, more slowly.

The server compares SHA-1 digests, because every byte counts: a change of one number of a vector keeps the vector's
length and nearly all of its bytes. Measured with 50,000 vectors of 768 float32 values that become float16, in seconds
of processor time, client and server: without comparing 0.16 and 0.13; with digests 0.30 and 0.77; with the originals
sent along 0.6 and 0.75; with WATCH and MULTI 0.40 and 0.42, which no cluster can do for many keys at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from attrs import field, frozen
from redis.exceptions import ResponseError

from fieldfare.definition import Storage
from fieldfare.documents import Batch
from fieldfare.server.conditional_write import ABSENT, OUTCOMES, SKIP_FIELD, ConditionalWrite, Row, rows_to_write
from fieldfare.server.connection import Server
from fieldfare.server.nodes import HeldLock
from fieldfare.server.pipeline import Command
from fieldfare.server.script import ScriptCall, evalsha_command, resend_unknown_scripts
from fieldfare.server.transaction import forbids_scripts
from fieldfare.server.write_script import outcomes, script_calls
from fieldfare.server.write_transaction import write_in_transactions

__all__ = ["ConditionalWrite", "WriteResult", "trial_expiries", "trial_writes", "write_batches", "write_documents"]


@frozen
class WriteResult:
    """The result of writing a batch.

    Attributes:
        written: how many documents have the new values in all of the fields that they still have.
        vanished: keys of documents that no longer exist, or no longer have any of the fields.
        wrong_type: keys that hold another type now.
        changed: keys of documents with a value that is neither the expected nor the new one. This value is not
            overwritten; the document's other fields are written.
    """

    written: int
    vanished: list[bytes]
    wrong_type: list[bytes]
    changed: list[bytes] = field(factory=list)


def write_documents(
    server: Server, storage: Storage, batch: Batch, paths: Sequence[str], *, before: Batch | None = None
) -> WriteResult:
    """Overwrite fields of documents. The fields of one document are written atomically.

    Never creates a key or a field, and never changes an expiry. A field whose new value is None is not written.

    Args:
        server: where the documents are.
        storage: how they are stored.
        batch: keys and values.
        paths: which of its columns to write.
        before: the values that they must still have; see :class:`ConditionalWrite`.

    Raises:
        redis.exceptions.ResponseError: the first error that is not about a document's type (out of memory,
            read-only replica, ...). Some documents of the batch may have been written.
        redis.exceptions.ConnectionError: the server did not answer. Some documents may have been written.
    """
    [result] = write_batches(server, storage, [ConditionalWrite(batch, before)], paths)
    return result


def write_batches(
    server: Server,
    storage: Storage,
    batches: Iterable[ConditionalWrite],
    paths: Sequence[str],
    *,
    lock: HeldLock | None = None,
) -> Iterator[WriteResult]:
    """Write batch after batch as :func:`write_documents` does.

    The server writes one batch while the caller makes the next one. When a result is yielded, the next batch may
    already be written. ``lock`` is that of :meth:`Server.bulk_stream`.
    """
    in_flight: deque[tuple[list[Row], list[tuple[Sequence[Row], ScriptCall]]]] = deque()

    def commands() -> Iterator[list[Command]]:
        for batch in batches:
            rows = rows_to_write(batch, storage, paths)
            in_flight.append((rows, script_calls(server, storage, rows, paths)))
            yield [evalsha_command(call) for _, call in in_flight[-1][1]]

    for replies in server.bulk_stream(commands(), lock):
        rows, calls = in_flight.popleft()
        not_written: dict[bytes, str] = {}
        answers = resend_unknown_scripts(server, [call for _, call in calls], replies)
        for (part, call), reply in zip(calls, answers, strict=True):
            if forbids_scripts(reply):
                not_written |= write_in_transactions(server, storage, part, paths)
            elif isinstance(reply, ResponseError):
                raise reply
            else:
                not_written |= outcomes(call, reply)
        yield _result(rows, not_written)


def trial_writes(server: Server, storage: Storage, key: bytes, *, in_script: bool) -> list[Command]:
    """Return the commands with which a script, or a transaction, writes a document.

    The document does not exist, so that they change nothing.
    """
    if storage is Storage.JSON:
        return [("JSON.GET", key, "$"), ("JSON.SET", key, "$", b"0", "XX")]
    commands: list[Command] = [("HGET", key, "field")]
    if in_script and server.capabilities.has_hsetex:
        return [*commands, ("HSETEX", key, "FXX", "FIELDS", 1, "field", b"0")]
    commands.append(("HSET", key, "field", b"0", "without a value"))  # refused for its number of arguments
    if server.capabilities.has_hash_field_ttl:
        commands += trial_expiries(key)
    return commands


def trial_expiries(key: bytes) -> list[Command]:
    """Return the commands that keep the expiry of a hash's field, on a key that does not exist."""
    return [
        ("HPEXPIRETIME", key, "FIELDS", 1, "field"),
        ("HPEXPIREAT", key, 1, "FIELDS", 1, "field"),
    ]


def _result(rows: Sequence[Row], not_written: dict[bytes, str]) -> WriteResult:
    kinds = ([key for key, _ in rows if not_written.get(key) == kind] if not_written else [] for kind in OUTCOMES)
    nothing = sum(
        all(expected in (SKIP_FIELD, ABSENT) for expected in parts[::2])
        for key, parts in rows
        if key not in not_written
    )
    return WriteResult(len(rows) - len(not_written) - nothing, *kinds)
