"""Optimistic transactions: read, decide, write, and start over if somebody else wrote in between.

What scripts do on the server, for users who may not run scripts. See
https://redis.io/docs/latest/develop/using-commands/transactions/ .
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Final, TypeAlias, TypeVar

from redis import Redis, RedisCluster
from redis.connection import Connection
from redis.crc import key_slot
from redis.exceptions import NoPermissionError, ResponseError, WatchError

from fieldfare.server.connection import Server
from fieldfare.wire import Command, borrow, receive, send

__all__ = ["Decision", "forbids_scripts", "same_slot", "transact"]

T = TypeVar("T")

Decision: TypeAlias = tuple[T, Sequence[Command]]
"""What to answer for a key, and what to write about it."""

ATTEMPTS: Final = 100
"""How often a single key is tried before its writers have won."""


def transact(
    server: Server,
    keys: Sequence[bytes],
    read: Callable[[bytes], Sequence[Command]],
    decide: Callable[[bytes, Sequence[Any]], Decision[T]],
) -> list[T]:
    """Read some keys, and write to each as what was read says, as if nobody else was there.

    Keys that share a node (in a cluster: a slot) share a transaction. One that somebody wrote to meanwhile is
    read again.

    Args:
        server: where the keys are.
        keys: any number; each is answered for on its own.
        read: gives the commands that read a key, at least one.
        decide: takes a key and the replies, error replies as instances, and gives answer and writes.

    Returns:
        What ``decide`` answered for each key, in order.

    Raises:
        redis.exceptions.WatchError: somebody else writes to a key all the time.
        redis.exceptions.ResponseError: a write was refused.
        redis.exceptions.ConnectionError: there was no answer; a transaction happened as a whole or not at all.

    A command that Redis takes and that fails all the same does not keep the ones behind it from happening:
    delete nothing in the transaction that copies it, unless the copy cannot fail.
    """
    answers: dict[int, T] = {}
    for rows in same_slot(server, keys):
        with borrow(_node(server, keys[rows[0]])) as connection:
            _settle(connection, [(row, keys[row]) for row in rows], read, decide, answers)
    return [answers[row] for row in range(len(keys))]


def forbids_scripts(reply: object) -> bool:
    """Whether this reply says that the user may not run scripts, or that the server has none."""
    return isinstance(reply, NoPermissionError) or (
        isinstance(reply, ResponseError) and str(reply).lower().startswith("unknown command")
    )


def same_slot(server: Server, keys: Sequence[bytes]) -> Iterable[Sequence[int]]:
    """Return the rows of keys that one command or transaction may name together."""
    if not isinstance(server.client, RedisCluster):
        return [range(len(keys))] if keys else []
    groups: dict[int, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key_slot(key), []).append(row)
    return groups.values()


def _settle(
    connection: Connection,
    rows: list[tuple[int, bytes]],
    read: Callable[[bytes], Sequence[Command]],
    decide: Callable[[bytes, Sequence[Any]], Decision[T]],
    answers: dict[int, T],
) -> None:
    pending, attempts = [rows], 0
    while pending:
        part = pending.pop()
        done = _attempt(connection, [key for _, key in part], read, decide)
        if done is not None:
            answers.update(zip((row for row, _ in part), done, strict=True))
            attempts = 0
        elif len(part) > 1:  # the one that is written to must not hold up the others
            pending += [part[len(part) // 2 :], part[: len(part) // 2]]
        else:
            attempts += 1
            if attempts == ATTEMPTS:
                raise WatchError(f"somebody else writes to {part[0][1]!r} all the time")
            pending.append(part)


def _attempt(
    connection: Connection,
    keys: Sequence[bytes],
    read: Callable[[bytes], Sequence[Command]],
    decide: Callable[[bytes, Sequence[Any]], Decision[T]],
) -> list[T] | None:
    """Return the answers, or None if somebody else wrote to one of the keys."""
    reads = [read(key) for key in keys]
    replies = iter(_exchange(connection, [(b"WATCH", *keys), *(command for each in reads for command in each)]))
    _checked([next(replies)])
    decisions = [decide(key, list(islice(replies, len(each)))) for key, each in zip(keys, reads, strict=True)]
    writes = [command for _, commands in decisions for command in commands]
    if not writes:
        _checked(_exchange(connection, [(b"UNWATCH",)]))
        return [answer for answer, _ in decisions]
    *queued, outcome = _exchange(connection, [(b"MULTI",), *writes, (b"EXEC",)])
    _checked([*queued, outcome])
    if outcome is None:
        return None
    _checked(outcome)
    return [answer for answer, _ in decisions]


def _exchange(connection: Connection, commands: Sequence[Command]) -> list[Any]:
    send(connection, commands)
    return receive(connection, len(commands))


def _checked(replies: Iterable[Any]) -> None:
    for reply in replies:
        if isinstance(reply, ResponseError):
            raise reply


def _node(server: Server, key: bytes) -> Redis:
    if not isinstance(server.client, RedisCluster):
        return server.nodes()[0]
    cluster: Any = server.client  # redis-py leaves its methods untyped
    node: Redis = cluster.get_redis_connection(cluster.get_node_from_key(key))
    return node
