"""An application that queries an index by name all the time, and writes: what it notices of a migration.

Its clients are a process of their own (:mod:`fieldfare.testing.load_clients`), so that neither Python's global lock nor
the work of the migration is measured with them.
"""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import IO, Any, Final, cast
from zlib import crc32

import msgpack
from attrs import define, field, frozen

from fieldfare.server import Server, connect
from fieldfare.server.pipeline import Command, pack

__all__ = ["Answer", "Load", "querying"]

WRITE_PAUSE: Final = 0.002
"""Seconds between an answer and the next write of a client without a rate."""


@frozen
class Answer:
    """One query or write of the application.

    Attributes:
        started: when it was sent, as ``time.monotonic()`` gives it.
        seconds: until the answer.
        results: how many documents were found; 0 for an error.
        error: what the server said instead of an answer, or "".
        late: seconds by which it was sent later than the client meant to: how busy the machine was.
    """

    started: float
    seconds: float
    results: int
    error: str = ""
    late: float = 0.0


@define
class Load:
    """What the clients of an application have seen, and what they have written; complete when they have stopped.

    Attributes:
        answers: to queries, in no order.
        writes: the answers to writes.
        written: keys of documents that were written, and not deleted after that.
    """

    answers: list[Answer] = field(factory=list)
    writes: list[Answer] = field(factory=list)
    written: list[bytes] = field(factory=list)

    @property
    def errors(self) -> list[str]:
        """What the server said instead of answers."""
        return [each.error for each in (*self.answers, *self.writes) if each.error]

    @property
    def empty_answers(self) -> int:
        """How many queries found nothing."""
        return sum(not each.error and not each.results for each in self.answers)

    def between(self, first: float, last: float) -> list[Answer]:
        """Return the queries that were running between two moments."""
        return [each for each in self.answers if each.started + each.seconds >= first and each.started <= last]


@contextmanager
def querying(  # noqa: PLR0913 - what an application does
    url: str,
    queries: Sequence[Command],
    writes: Sequence[tuple[bytes, Command]] = (),
    *,
    encoded_anew: Mapping[int, Command] | None = None,
    pause: float = 0.0,
    write_rate: float | None = None,
    writers: int = 1,
) -> Iterator[Load]:
    """Let one client for each query ask all the time, and further ones write.

    Args:
        url: the server; without TLS.
        queries: queries that each find a document at any time.
        writes: the key and the command of each write, over and over again.
        encoded_anew: number of a query → what its client sends instead, from the moment in which the server refuses
            the length of its vector.
        pause: seconds between two queries of a client.
        write_rate: writes per second of all clients together, if the server keeps up; None: each client waits 2 ms
            between an answer and its next write.
        writers: how many clients of each node write; those of one key are always the same client's.
    """
    load = Load()
    others = encoded_anew or {}
    with connect(url) as server:
        shares: defaultdict[tuple[str | int, ...], list[tuple[bytes, Command]]] = defaultdict(list)
        for key, command in writes:
            shares[*_address(server, command), crc32(key) % writers].append((key, command))
        clients = [
            _client(server, [query], pause, [others[number]] if number in others else [])
            for number, query in enumerate(queries)
        ]
        write_pause = WRITE_PAUSE if write_rate is None else len(shares) / write_rate
        for share in shares.values():
            client = _client(server, [command for _, command in share], write_pause)
            clients.append({**client, "keeps_schedule": write_rate is not None})
    program = [sys.executable, "-m", "fieldfare.testing.load_clients"]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own
        stdin, stdout = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        stdin.write(msgpack.packb(clients))
        stdin.flush()
        if stdout.readline() != b"ready\n":
            message = "a client got no answer"
            raise TimeoutError(message)
        try:
            yield load
        finally:
            seen = process.communicate()[0]  # the end of its input stops it
    if process.returncode:
        message = "the clients failed: see standard error"
        raise RuntimeError(message)
    every = [[Answer(*each) for each in answers] for answers in msgpack.unpackb(seen)]
    load.answers += [each for answers in every[: len(queries)] for each in answers]
    for share, answers in zip(shares.values(), every[len(queries) :], strict=True):
        load.writes += answers
        load.written += _written(share, answers)


def _written(share: Sequence[tuple[bytes, Command]], answers: Sequence[Answer]) -> list[bytes]:
    """Return the keys that a client has written, and not deleted after that."""
    keys: dict[bytes, None] = {}
    for (key, command), answer in zip(cycle(share), answers, strict=False):
        if not answer.error:
            keys.pop(key, None)
            if command[0] not in {"DEL", "UNLINK"}:
                keys[key] = None
    return list(keys)


def _client(
    server: Server, commands: Sequence[Command], pause: float, other_commands: Sequence[Command] = ()
) -> dict[str, Any]:
    """Return what a client needs to know, in types of msgpack."""
    options = server.node_for(*commands[0]).connection_pool.connection_kwargs
    password = options.get("password")
    login = [pack(("AUTH", options.get("username") or "default", password))] if password else []
    return {
        "address": _address(server, commands[0]),
        "login": login,
        "commands": [pack(each) for each in commands],
        "other_commands": [pack(each) for each in other_commands],
        "pause": pause,
    }


def _address(server: Server, command: Command) -> tuple[str | int, ...]:
    """Return the path of a socket, or host and port."""
    options = server.node_for(*command).connection_pool.connection_kwargs
    return (options["path"],) if "path" in options else (options["host"], options["port"])
