"""Overwrites fields of hashes that no other client has changed since they were read, without comparing values.

The server tells which keys are changed (see ``change_tracking``). The last moment between the look and the write is
closed by a transaction: the keys are watched first, then it is asked what was changed until then, and the transaction
is not executed if a watched key is changed after that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any, Final

from attrs import frozen
from redis.exceptions import ResponseError

from fieldfare.documents import Batch
from fieldfare.server.change_tracking import ChangeTracking
from fieldfare.server.conditional_write import ConditionalWrite
from fieldfare.server.nodes import LARGE_BATCH, HeldLock
from fieldfare.server.pipeline import Argument, Command, encode, pack, receive, send, send_packed

__all__ = ["TrackedWrite", "write_tracked"]

MULTI: Final = pack((b"MULTI",))
EXEC: Final = pack((b"EXEC",))


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
class _Sent:
    write: ConditionalWrite
    rows: Sequence[int]
    left: Sequence[int]


def write_tracked(
    tracking: ChangeTracking, batches: Iterable[ConditionalWrite], paths: Sequence[str], lock: HeldLock | None
) -> Iterator[TrackedWrite]:
    """Write batch after batch; each with the values that were read after ``tracking`` was started.

    Never creates a key or a field, and never changes an expiry. The server writes one batch while the caller makes the
    next one: when a result is yielded, the next batch is being sent.

    Raises:
        LockLost: this process no longer holds the lock; one batch may have been sent since.
        redis.exceptions.ConnectionError: the server did not answer.
    """
    connection = tracking.connection
    under_way: _Sent | None = None
    for write in batches:
        if not write.after.keys:
            if under_way is not None:
                yield _finish(tracking, under_way)
                under_way = None
            yield TrackedWrite(write, 0, ())
            continue
        questions: list[Command] = [(b"WATCH", *write.after.keys)]
        if lock is not None:
            questions.append(lock.command)
        send(connection, questions)
        commands = _packed_commands(write, paths)  # while the server writes the batch before
        done = None if under_way is None else _finish(tracking, under_way)
        watched, *holder = receive(connection, len(questions))
        if isinstance(watched, ResponseError):
            raise watched
        if lock is not None:
            lock.confirm(holder[0])
        tracking.synchronize()
        under_way = _send(tracking, write, commands)
        is_large = write.after.size > LARGE_BATCH
        del write, commands
        if done is not None:
            yield done
        if is_large:  # two of them would take too much memory
            done = _finish(tracking, under_way)
            under_way = None
            yield done
        del done
    if under_way is not None:
        yield _finish(tracking, under_way)


def _send(tracking: ChangeTracking, write: ConditionalWrite, commands: dict[int, bytes]) -> _Sent:
    left = [row for row, key in enumerate(write.after.keys) if tracking.may_be_changed(key)]
    for row in left:
        commands.pop(row, None)
    send_packed(tracking.connection, [MULTI, *commands.values(), EXEC])
    return _Sent(write, list(commands), left)


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


def _finish(tracking: ChangeTracking, sent: _Sent) -> TrackedWrite:
    *_, outcome = receive(tracking.connection, len(sent.rows) + len((MULTI, EXEC)))
    # another client changed a watched key: nothing was executed
    replies: Sequence[Any] = outcome if isinstance(outcome, list) else [None] * len(sent.rows)
    left = [row for row, reply in zip(sent.rows, replies, strict=True) if reply != 1]
    return TrackedWrite(sent.write, len(sent.rows) - len(left), sorted([*left, *sent.left]))
