"""Overwrites fields of existing documents, if the fields still have the expected values.

A script on the server compares and writes atomically, so a value that an application writes at the same time is never
overwritten. For users who may not run scripts, transactions (WATCH, MULTI) do the same, more slowly. Documents that
nobody has changed since they were read are written without comparing, where the server tells (``tracked_writer``).

The server compares SHA-1 digests, because every byte counts: a change of one number of a vector keeps the vector's
length and nearly all of its bytes. Sending the originals along takes the server as long.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Iterator, Sequence

from attrs import field, frozen

from fieldfare.definition import Storage
from fieldfare.documents import Batch
from fieldfare.server.change_tracking import ChangeTracking
from fieldfare.server.conditional_write import ABSENT, OUTCOMES, SKIP_FIELD, ConditionalWrite, Row, rows_to_write
from fieldfare.server.connection import Server
from fieldfare.server.nodes import HeldLock
from fieldfare.server.pipeline import Command
from fieldfare.server.script import ScriptCall
from fieldfare.server.script_stream import stream_scripts
from fieldfare.server.tracked_writer import TrackedWrite, write_tracked
from fieldfare.server.transaction_limit import TransactionLimit
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


def write_batches(  # noqa: PLR0913 - what decides about a write
    server: Server,
    storage: Storage,
    batches: Iterable[ConditionalWrite],
    paths: Sequence[str],
    *,
    lock: HeldLock | None = None,
    tracking: ChangeTracking | None = None,
    limit: TransactionLimit | None = None,
) -> Iterator[WriteResult]:
    """Write batch after batch as :func:`write_documents` does.

    The server writes one batch while the caller makes the next one. When a result is yielded, the next batch may
    already be written.

    Args:
        server: where the documents are.
        storage: how they are stored.
        batches: keys and values.
        paths: which of their columns to write.
        lock: that of :meth:`Server.bulk_stream`.
        tracking: started before the expected values were read: values of documents that nobody has changed since are
            not compared. Only hashes are written with it.
        limit: with ``tracking``, how many documents share a transaction; None for those of a batch.
    """
    if tracking is not None and storage is Storage.HASH:
        for done in write_tracked(tracking, batches, paths, lock, limit):
            yield _with_rest(server, storage, done, paths)
            del done
        return

    def prepared(write: ConditionalWrite) -> tuple[list[Row], list[tuple[Sequence[Row], ScriptCall]]]:
        rows = rows_to_write(write, storage, paths)
        return rows, script_calls(server, storage, rows, paths)

    def without_script(rows: Sequence[Row], _: ScriptCall) -> dict[bytes, str]:
        return write_in_transactions(server, storage, rows, paths)

    for rows, not_written in stream_scripts(server, map(prepared, batches), outcomes, without_script, lock):
        yield _result(rows, dict(ChainMap(*not_written)))
        del rows, not_written


def _with_rest(server: Server, storage: Storage, done: TrackedWrite, paths: Sequence[str]) -> WriteResult:
    """Compare and write the documents of a batch that others may have changed."""
    if not done.left:
        return WriteResult(done.written, [], [])
    before = None if done.write.before is None else done.write.before.select(done.left, paths)
    rest = write_documents(server, storage, done.write.after.select(done.left, paths), paths, before=before)
    return WriteResult(done.written + rest.written, rest.vanished, rest.wrong_type, rest.changed)


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
