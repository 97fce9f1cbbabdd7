"""An application that queries an index by name all the time, and writes: what it notices of a migration."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from attrs import define, field, frozen
from redis.exceptions import RedisError

from fieldfare.server import Server, connect
from fieldfare.server.pipeline import Command, encode

__all__ = ["Answer", "Load", "querying"]


@frozen
class Answer:
    """One query of the application.

    Attributes:
        started: when it was sent, as ``time.monotonic()`` gives it.
        seconds: until the answer.
        results: how many documents were found; 0 for an error.
        error: what the server said instead of an answer, or "".
    """

    started: float
    seconds: float
    results: int
    error: str = ""


@define
class Load:
    """What the clients of an application have seen, and what they have written.

    Attributes:
        answers: in no order.
        written: keys of documents that were added, in order.
    """

    answers: list[Answer] = field(factory=list)
    written: list[bytes] = field(factory=list)

    @property
    def errors(self) -> list[str]:
        """What the server said in place of answers."""
        return [each.error for each in self.answers if each.error]

    @property
    def empty_answers(self) -> int:
        """How many queries found nothing."""
        return sum(not each.error and not each.results for each in self.answers)

    def between(self, first: float, last: float) -> list[Answer]:
        """Return the queries that were under way between two moments."""
        return [each for each in self.answers if each.started + each.seconds >= first and each.started <= last]


@contextmanager
def querying(
    url: str,
    queries: Sequence[Command],
    write: Callable[[int], tuple[bytes, Command]] | None = None,
    *,
    pause: float = 0.0,
) -> Iterator[Load]:
    """Let one client for each query ask all the time, and one more write.

    Args:
        url: the server.
        queries: of which each finds a document at any time; in RESP2 its number of results comes first.
        write: returns the key and the command of the n-th document to be added.
        pause: seconds between two queries of a client.
    """
    load = Load()
    stop = threading.Event()
    asked = [threading.Event() for _ in queries]
    threads = [
        threading.Thread(target=_ask, args=(url, query, load, stop, event, pause))
        for query, event in zip(queries, asked, strict=True)
    ]
    if write is not None:
        threads.append(threading.Thread(target=_write, args=(url, write, load, stop)))
    for thread in threads:
        thread.start()
    try:
        for event in asked:
            if not event.wait(60):
                message = "a client got no answer"
                raise TimeoutError(message)
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _ask(  # noqa: PLR0913, PLR0917 - what a client is
    url: str, query: Command, load: Load, stop: threading.Event, asked: threading.Event, pause: float
) -> None:
    with connect(url) as server:
        while not stop.is_set():
            load.answers.append(_answer(server, query))
            asked.set()
            stop.wait(pause)


def _answer(server: Server, query: Command) -> Answer:
    started = time.monotonic()
    try:
        found = _count(server.command(*query))
    except RedisError as error:
        return Answer(started, time.monotonic() - started, 0, str(error))
    return Answer(started, time.monotonic() - started, found)


def _count(reply: Any) -> int:
    """Return how many results a reply to FT.SEARCH or FT.AGGREGATE has."""
    if isinstance(reply, dict):
        named = {encode(key): value for key, value in reply.items()}
        return int(named[b"total_results"]) or len(named[b"results"])
    return int(reply[0])


def _write(url: str, write: Callable[[int], tuple[bytes, Command]], load: Load, stop: threading.Event) -> None:
    with connect(url) as server:
        number = 0
        while not stop.wait(0.002):
            key, command = write(number)
            server.command(*command)
            load.written.append(key)
            number += 1
