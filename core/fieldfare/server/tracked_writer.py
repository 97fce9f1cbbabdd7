"""Overwrites fields of hashes that no other client has changed since they were read, without comparing values.

The server tells which keys are changed (see ``change_tracking``). The last moment between the look and the write is
closed by a transaction: the keys are watched first, then it is asked what was changed until then, and the transaction
is not executed if a watched key is changed after that. The commands are sent before the look, so that the server has
them when EXEC follows; if the look finds a change, DISCARD follows instead. They are sent after the reply to MULTI: had
the server refused it, it would execute them at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from time import monotonic
from typing import Any, Final

from attrs import frozen
from redis.exceptions import ResponseError

from fieldfare.documents import Batch
from fieldfare.errors import LockLost
from fieldfare.server.change_tracking import ChangeTracking
from fieldfare.server.conditional_write import ConditionalWrite
from fieldfare.server.nodes import LARGE_BATCH, HeldLock
from fieldfare.server.pipeline import Argument, checked, encode, pack
from fieldfare.server.transaction_limit import TransactionLimit

__all__ = ["TrackedWrite", "write_tracked"]

MULTI: Final = pack((b"MULTI",))
EXEC: Final = pack((b"EXEC",))
DISCARD: Final = pack((b"DISCARD",))


MOST_WATCHED: Final = 250
"""How many documents share a transaction at most: the server compares each key with all that are watched already."""


@frozen(hash=False)
class TrackedWrite:
    """A batch of which some documents were written.

    Attributes:
        write: the batch, with the values that were read.
        written: how many documents have the new values.
        left: the rows of those that were not written: other clients may have changed them.
    """

    write: ConditionalWrite
    written: int
    left: Sequence[int]


@frozen(hash=False)
class _Part:
    """Documents of a batch that share a transaction."""

    write: ConditionalWrite
    rows: range
    commands: dict[int, bytes]

    @property
    def keys(self) -> Sequence[bytes]:
        return self.write.after.keys[self.rows.start : self.rows.stop]

    @property
    def is_last(self) -> bool:
        return self.rows.stop == len(self.write.after.keys)


@frozen(hash=False)
class _Begun:
    """A part whose keys are watched, and whose transaction has begun.

    Attributes:
        part: the part.
        rows: the rows of the commands.
        left: the rows of documents that were changed before.
        mark: what was written after the keys were watched.
        questions: how many commands were sent: WATCH and the mark first, MULTI last.
    """

    part: _Part
    rows: Sequence[int]
    left: Sequence[int]
    mark: bytes
    questions: int


@frozen(hash=False)
class _Sent:
    begun: _Begun
    at: float


@frozen(hash=False)
class _Done:
    part: _Part
    written: int
    left: Sequence[int]


def write_tracked(
    tracking: ChangeTracking,
    batches: Iterable[ConditionalWrite],
    paths: Sequence[str],
    lock: HeldLock | None,
    limit: TransactionLimit | None = None,
) -> Iterator[TrackedWrite]:
    """Write batch after batch; each with the values that were read after ``tracking`` was started.

    Never creates a key or a field, and never changes an expiry. The server writes one batch while the caller makes the
    next one: when a result is yielded, the next batch is being sent.

    Args:
        tracking: which keys others have changed.
        batches: keys and values.
        paths: which of their columns to write.
        lock: that of :meth:`Server.bulk_stream`.
        limit: how many documents share a transaction; None for as many of a batch as the server can watch fast.

    Raises:
        LockLost: this process no longer holds the lock; one batch may have been sent since.
        redis.exceptions.ConnectionError: the server did not answer.
    """
    written, left = 0, list[int]()
    for done in _write_parts(tracking, _parts(batches, paths, limit), lock, limit):
        written += done.written
        left += done.left
        if done.part.is_last:
            yield TrackedWrite(done.part.write, written, left)
            written, left = 0, []
        del done


def _parts(
    batches: Iterable[ConditionalWrite], paths: Sequence[str], limit: TransactionLimit | None
) -> Iterator[_Part]:
    """Yield the parts of each batch, at least one; a part is as large as the limit allows when it is asked for."""
    for write in batches:
        commands = _packed_commands(write, paths)
        count, start = len(write.after.keys), 0
        while True:
            most = min(count - start, MOST_WATCHED)
            stop = start + (most if limit is None else limit.next_documents(most))
            yield _Part(write, range(start, stop), commands)
            start = stop
            if start == count:
                break
        del write, commands


def _write_parts(
    tracking: ChangeTracking, parts: Iterable[_Part], lock: HeldLock | None, limit: TransactionLimit | None
) -> Iterator[_Done]:
    """Write part after part; yield each when the next one was sent."""
    under_way: _Sent | None = None
    for part in parts:
        if not part.rows:
            if under_way is not None:
                yield _finish(tracking, under_way, limit)
                under_way = None
            yield _Done(part, 0, ())
            continue
        begun = _begin(tracking, part, lock)
        done = None if under_way is None else _finish(tracking, under_way, limit)
        under_way = _execute(tracking, begun, lock)
        is_large = part.write.after.size > LARGE_BATCH
        if done is not None:
            yield done
        if under_way is None:
            yield _Done(part, 0, sorted([*begun.rows, *begun.left]))
        elif is_large:  # two of them would take too much memory
            done = _finish(tracking, under_way, limit)
            under_way = None
            yield done
        del part, begun, done
    if under_way is not None:
        yield _finish(tracking, under_way, limit)


def _begin(tracking: ChangeTracking, part: _Part, lock: HeldLock | None) -> _Begun:
    """Watch the keys of a part, and begin its transaction."""
    keys = part.write.after.keys
    left = {row for row in part.rows if tracking.may_be_changed(keys[row])}
    rows = [row for row in part.rows if row in part.commands and row not in left]
    mark, marking = tracking.make_mark()
    questions = [pack((b"WATCH", *part.keys)), marking, *([] if lock is None else [pack(lock.command)]), MULTI]
    tracking.send(questions)
    return _Begun(part, rows, sorted(left), mark, len(questions))


def _execute(tracking: ChangeTracking, begun: _Begun, lock: HeldLock | None) -> _Sent | None:
    """Send the commands, and EXEC unless another client has changed one of the documents; None if one has.

    Raises:
        LockLost: this process no longer holds the lock.
        redis.exceptions.ResponseError: the server refuses to watch the keys, or to begin a transaction.
    """
    watched, marked, *holder, multi = tracking.receive(begun.questions)
    queued = 0
    try:
        for reply in (watched, marked, multi):
            checked(reply)
        if lock is not None:
            lock.confirm(holder[0])
        tracking.send([begun.part.commands[row] for row in begun.rows])
        queued = len(begun.rows)
        tracking.synchronize(mark=begun.mark)
    except (ResponseError, LockLost):
        _discard(tracking, queued)
        raise
    keys = begun.part.write.after.keys
    if any(tracking.may_be_changed(keys[row]) for row in begun.rows):
        _discard(tracking, queued)
        return None
    at = monotonic()
    tracking.send([EXEC])
    return _Sent(begun, at)


def _discard(tracking: ChangeTracking, queued: int) -> None:
    tracking.send([DISCARD])
    tracking.receive(queued + 1)


def _packed_commands(write: ConditionalWrite, paths: Sequence[str]) -> dict[int, bytes]:
    """Return a command for each row with a new value: HSETEX writes fields if all are there, and keeps expiries."""
    fields: list[list[Argument]] = [[] for _ in write.after.keys]
    for path in paths:
        name, old, new = encode(path), _before(write)[path], write.after[path]
        may_be_equal = not set(old.lengths).isdisjoint(new.lengths)
        for row, (before, after) in enumerate(zip(old if may_be_equal else repeat(None, len(new)), new, strict=True)):
            if after is not None and after != before:
                fields[row] += (name, after)
    return {
        row: pack((b"HSETEX", key, b"FXX", b"KEEPTTL", b"FIELDS", len(found) // 2, *found))
        for row, (key, found) in enumerate(zip(write.after.keys, fields, strict=True))
        if found
    }


def _before(write: ConditionalWrite) -> Batch:
    if write.before is None:
        raise ValueError("without the values that were read there is no telling whether they were changed")
    return write.before


def _finish(tracking: ChangeTracking, sent: _Sent, limit: TransactionLimit | None) -> _Done:
    part, rows = sent.begun.part, sent.begun.rows
    *_, outcome = tracking.receive(len((*rows, EXEC)))
    if limit is not None and not (part.is_last and part.rows.start):  # else the next batch was made meanwhile
        limit.learn(len(rows), monotonic() - sent.at)
    # another client changed a watched key: nothing was executed
    replies: Sequence[Any] = outcome if isinstance(outcome, list) else [None] * len(rows)
    left = [row for row, reply in zip(rows, replies, strict=True) if reply != 1]
    return _Done(part, len(rows) - len(left), sorted([*left, *sent.begun.left]))
