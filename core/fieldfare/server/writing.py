"""Writing fields of documents that exist, where they still are what they were, and leaving everything else as it is.

The server compares and writes in one go, in a script, so that nothing which somebody else writes meanwhile is
overwritten unseen. Users who may not run scripts get the same by optimistic transactions, and more slowly.

The server computes SHA-1 digests, because every byte has to count: a change of one number of a vector keeps its length
and nearly all of its bytes. Measured with 50,000 vectors of 768 float32 values that become float16, in seconds of
processor time, client and server: without comparing 0.16 and 0.13; with digests 0.30 and 0.77; with the originals sent
along 0.6 and 0.75; read back into WATCH and MULTI 0.40 and 0.42, which no cluster can do for many keys at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from attrs import field, frozen
from redis.exceptions import ResponseError

from fieldfare.definition import Storage
from fieldfare.documents import Batch
from fieldfare.server.connection import Server
from fieldfare.server.replacement import KEEP, NOTHING, OUTCOMES, Replacement, Row, is_wrong_type, rows_of
from fieldfare.server.script import Call, completed, sent
from fieldfare.server.transaction import forbids_scripts
from fieldfare.server.write_script import outcomes, write_calls
from fieldfare.server.write_transaction import write_optimistically
from fieldfare.wire import Command

__all__ = ["Replacement", "WriteResult", "is_wrong_type", "write_batches", "write_documents"]


@frozen
class WriteResult:
    """What became of a batch.

    Attributes:
        written: how many documents have the new values in all of the fields that they still have.
        vanished: keys of documents that are gone, or have none of the fields any more.
        wrong_type: keys that hold something else now.
        changed: keys of documents with a value that is neither the one before nor the new one; it is left alone,
            while their other fields are written.
    """

    written: int
    vanished: list[bytes]
    wrong_type: list[bytes]
    changed: list[bytes] = field(factory=list)


def write_documents(
    server: Server, storage: Storage, batch: Batch, paths: Sequence[str], *, before: Batch | None = None
) -> WriteResult:
    """Overwrite fields of documents; nobody sees a document half-way.

    No key and no field comes into being, and no expiry is changed. A field that is None is left alone.

    Args:
        server: where the documents are.
        storage: how they are stored.
        batch: keys and values.
        paths: which of its columns to write.
        before: what they must still have; see :class:`Replacement`.

    Raises:
        redis.exceptions.ResponseError: the first error that is not about a document's type (out of memory,
            read-only replica, ...); documents of the batch may have been written all the same.
        redis.exceptions.ConnectionError: there was no answer; so too here.
    """
    [result] = write_batches(server, storage, [Replacement(batch, before)], paths)
    return result


def write_batches(
    server: Server, storage: Storage, batches: Iterable[Replacement], paths: Sequence[str]
) -> Iterator[WriteResult]:
    """Do as :func:`write_documents` does for batch after batch.

    The server writes one batch while the caller makes the next: when a result is given, the batch after it
    may be written already.
    """
    under_way: deque[tuple[list[Row], list[tuple[Sequence[Row], Call]]]] = deque()

    def commands() -> Iterator[list[Command]]:
        for batch in batches:
            rows = rows_of(batch, storage, paths)
            under_way.append((rows, write_calls(server, storage, rows, paths)))
            yield [sent(call) for _, call in under_way[-1][1]]

    for replies in server.bulk_stream(commands()):
        rows, calls = under_way.popleft()
        others: dict[bytes, str] = {}
        answers = completed(server, [call for _, call in calls], replies)
        for (part, call), reply in zip(calls, answers, strict=True):
            if forbids_scripts(reply):
                others |= write_optimistically(server, storage, part, paths)
            elif isinstance(reply, ResponseError):
                raise reply
            else:
                others |= outcomes(call, reply)
        yield _result(rows, others)


def _result(rows: Sequence[Row], others: dict[bytes, str]) -> WriteResult:
    kinds = ([key for key, _ in rows if others.get(key) == kind] if others else [] for kind in OUTCOMES)
    nothing = sum(
        all(expected in (KEEP, NOTHING) for expected in parts[::2]) for key, parts in rows if key not in others
    )
    return WriteResult(len(rows) - len(others) - nothing, *kinds)
