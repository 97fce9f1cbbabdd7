"""Applications that write documents all the time, and a watch that follows them."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fieldfare.api import MigrationExecutor
from fieldfare.engine.stop import StopRequest
from fieldfare.server import connect
from fieldfare.server.pipeline import Command

__all__ = ["sending", "watching"]


@contextmanager
def sending(
    url: str, choose: Callable[[random.Random], Command], harmless: tuple[str, ...], threads: int = 2
) -> Iterator[list[int]]:
    """Let applications send commands all the time.

    Args:
        url: the URL of the server.
        choose: returns the next command.
        harmless: what errors say that do not matter.
        threads: how many applications.

    Yields:
        How many commands each has sent so far.
    """
    stop = threading.Event()
    counts = [0] * threads
    errors: list[BaseException] = []

    def send(number: int) -> None:
        dice = random.Random(number)
        with connect(url) as server:
            while not stop.wait(0.001):
                command = choose(dice)
                try:
                    server.command(*command)
                except Exception as error:  # noqa: BLE001
                    if not any(words in str(error) for words in harmless):
                        errors.append(error)
                counts[number] += 1

    workers = [threading.Thread(target=send, args=(number,)) for number in range(threads)]
    for each in workers:
        each.start()
    try:
        yield counts
    finally:
        stop.set()
        for each in workers:
            each.join()
    assert errors == []


@contextmanager
def watching(url: str, backup_dir: Path) -> Iterator[None]:
    """Let a watch run, and stop it at the end."""
    stop = StopRequest()
    with connect(url) as server:
        arguments = {"server": server, "backup_dir": backup_dir, "watch": True, "stop": stop}
        thread = threading.Thread(target=MigrationExecutor().sync, kwargs=arguments)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
