"""Optimistic transactions: read, decide, write, and start over if another client wrote in between.

They replace scripts for users who may not run scripts. See
https://redis.io/docs/latest/develop/using-commands/transactions/ .
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha1
from itertools import islice
from typing import Any, Final, TypeAlias, TypeVar

from redis import Redis, RedisCluster
from redis.connection import Connection
from redis.crc import key_slot
from redis.exceptions import WatchError

from fieldfare.server.connection import Server
from fieldfare.server.permissions import require_allowed
from fieldfare.server.pipeline import Command, acquire_connection, checked, receive, send
from fieldfare.server.refusal import CommandNotAllowed, name_refusals

__all__ = ["Decision", "forbids_scripts", "group_by_slot", "require_isolation", "transact"]

T = TypeVar("T")

Decision: TypeAlias = tuple[T, Sequence[Command]]
"""The result for a key, and the commands that write to it."""

ATTEMPTS: Final = 100
"""How often a single key is tried before ``WatchError`` is raised."""


def transact(
    server: Server,
    keys: Sequence[bytes],
    read: Callable[[bytes], Sequence[Command]],
    decide: Callable[[bytes, Sequence[Any]], Decision[T]],
) -> list[T]:
    """Read keys, decide from the replies what to write to each, and write it, isolated from other clients.

    Keys of one node (in a cluster: of one slot) share a transaction. A key that another client writes to in between is
    read again.

    Args:
        server: where the keys are.
        keys: any number; the result of each depends on this key alone.
        read: returns the commands that read a key, at least one.
        decide: takes a key and the replies, error replies as instances; returns the result and the writes.

    Returns:
        The result of ``decide`` for each key, in order.

    Raises:
        redis.exceptions.WatchError: another client writes to a key at every attempt.
        redis.exceptions.ResponseError: a write was refused.
        redis.exceptions.ConnectionError: the server did not answer; a transaction was executed as a whole or not at
            all.

    If a command fails inside a transaction, Redis still executes the commands after it. So never delete a key in the
    transaction that copies it, unless the copy cannot fail.
    """
    answers: dict[int, T] = {}
    for rows in group_by_slot(server, keys):
        with acquire_connection(_node(server, keys[rows[0]])) as connection:
            _transact_group(connection, [(row, keys[row]) for row in rows], read, decide, answers)
    return [answers[row] for row in range(len(keys))]


def require_isolation(server: Server, keys: Sequence[bytes]) -> bool:
    """See whether the user may run scripts, or transactions in their place.

    Args:
        server: where the keys are.
        keys: that do not exist.

    Returns:
        Whether these are scripts.

    Raises:
        CommandNotAllowed: the user may do neither.
    """
    script = b"return 0"
    digest = sha1(script, usedforsecurity=False).hexdigest()
    try:
        for command, body in (("EVAL", script), ("EVALSHA", digest)):
            require_allowed(server, [(command, body, 1, key) for key in keys])
    except CommandNotAllowed as refusal:
        try:
            transact(server, keys, lambda key: [(b"EXISTS", key)], lambda key, _: (None, [(b"EXISTS", key)]))
            transact(server, keys, lambda key: [(b"EXISTS", key)], lambda _, __: (None, []))
        except CommandNotAllowed as error:
            raise refusal.or_else(error) from error
        return False
    return True


def forbids_scripts(reply: object) -> bool:
    """Whether this reply says that the user may not run scripts, or that the server has none."""
    return isinstance(reply, CommandNotAllowed)


def group_by_slot(server: Server, keys: Sequence[bytes]) -> Iterable[Sequence[int]]:
    """Return groups of row numbers; one command or transaction may name all keys of a group."""
    if not isinstance(server.client, RedisCluster):
        return [range(len(keys))] if keys else []
    groups: dict[int, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key_slot(key), []).append(row)
    return groups.values()


def _transact_group(
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
        elif len(part) > 1:  # split, so that the key with the other writer does not delay the rest
            pending += [part[len(part) // 2 :], part[: len(part) // 2]]
        else:
            attempts += 1
            if attempts == ATTEMPTS:
                raise WatchError(f"another client writes to {part[0][1]!r} at every attempt")
            pending.append(part)


def _attempt(
    connection: Connection,
    keys: Sequence[bytes],
    read: Callable[[bytes], Sequence[Command]],
    decide: Callable[[bytes, Sequence[Any]], Decision[T]],
) -> list[T] | None:
    """Return the results, or None if another client wrote to one of the keys."""
    reads = [read(key) for key in keys]
    replies = iter(_exchange(connection, [(b"WATCH", *keys), *(command for each in reads for command in each)]))
    _raise_errors([next(replies)])
    decisions = [decide(key, list(islice(replies, len(each)))) for key, each in zip(keys, reads, strict=True)]
    writes = [command for _, commands in decisions for command in commands]
    if not writes:
        _raise_errors(_exchange(connection, [(b"UNWATCH",)]))
        return [answer for answer, _ in decisions]
    *queued, outcome = _exchange(connection, [(b"MULTI",), *writes, (b"EXEC",)])
    _raise_errors([*queued, outcome])
    if outcome is None:
        return None
    _raise_errors(outcome)
    return [answer for answer, _ in decisions]


def _exchange(connection: Connection, commands: Sequence[Command]) -> list[Any]:
    send(connection, commands)
    return name_refusals(commands, receive(connection, len(commands)))


def _raise_errors(replies: Iterable[Any]) -> None:
    for reply in replies:
        checked(reply)


def _node(server: Server, key: bytes) -> Redis:
    if not isinstance(server.client, RedisCluster):
        return server.nodes()[0]
    cluster: Any = server.client  # redis-py leaves its methods untyped
    node: Redis = cluster.get_redis_connection(cluster.get_node_from_key(key))
    return node
