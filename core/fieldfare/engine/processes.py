"""Workers that are processes of this machine."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from typing import Any, Final

from fieldfare.engine.stopped_processes import StoppedProcesses
from fieldfare.server import Server

__all__ = ["LocalProcesses"]

ATTEMPTS: Final = 3
"""How often processes are asked of which one ends."""

CALL_SECONDS: Final = 10.0
"""A process that has worked on a call for as long counts as if it had one more."""

END_SECONDS: Final = 5.0
"""How long a process may take to end by itself."""


class _RecordingContext(SpawnContext):
    """Starts processes as ``spawn`` does, and remembers them."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[BaseProcess] = []

    def Process(self, *arguments: Any, **named: Any) -> BaseProcess:  # type: ignore[override]  # noqa: N802 - as its base calls it
        """Make a process."""
        process = super().Process(*arguments, **named)
        self.started.append(process)
        return process


class LocalProcesses:
    """Processes of this machine; they end with the process that has started them, even if that is killed.

    Each has a pool of its own: processes of one pool share a queue, and one that stands still can block it for all.
    Another process takes the place of one that ends, or that is stopped for long.

    Args:
        workers: how many.
        server: to which they connect.
        prepare: called in each with the server's address.
    """

    def __init__(self, workers: int, server: Server, prepare: Callable[..., None]) -> None:
        self.workers = workers
        self._context = _RecordingContext()
        self._alive, self._held = self._context.Pipe(duplex=False)
        self._arguments = (self._alive, prepare, server.address)
        self._pools = [self._start() for _ in range(workers)]
        self._given: list[dict[Future[Any], float]] = [{} for _ in range(workers)]
        self._stopped = StoppedProcesses(self._context.started.copy)

    def _start(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(1, mp_context=self._context, initializer=_begin, initargs=self._arguments)

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """Have the process with the least to do call a function."""
        self._forget_done()
        return self._submit(min(range(self.workers), key=self._load), function, *arguments)

    def submit_elsewhere(
        self, calls: Collection[Future[Any]], function: Callable[..., Any], /, *arguments: Any
    ) -> Future[Any] | None:
        """Have the process with the least to do, of those with none of some calls, call a function."""
        self._forget_done()
        others = [number for number, given in enumerate(self._given) if given.keys().isdisjoint(calls)]
        return self._submit(min(others, key=self._load), function, *arguments) if others else None

    def _forget_done(self) -> None:
        self._given = [{call: began for call, began in given.items() if not call.done()} for given in self._given]

    def _load(self, number: int) -> float:
        """Return how many calls a process has; one that stands still seems to have more and more."""
        given, now = self._given[number], time.monotonic()
        return len(given) + (now - min(given.values(), default=now)) / CALL_SECONDS

    def _submit(self, number: int, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        try:
            answer = self._pools[number].submit(function, *arguments)
        except BrokenExecutor:
            self._pools[number].shutdown(wait=False, cancel_futures=True)
            self._pools[number] = self._start()
            answer = self._pools[number].submit(function, *arguments)
        self._given[number][answer] = time.monotonic()
        return answer

    def ask_each(self, function: Callable[..., Any], /, *arguments: Any) -> Mapping[str, Any]:
        """Have every process call a function."""
        found: dict[str, Any] = {}
        for _ in range(ATTEMPTS):
            answers = [self._submit(number, function, *arguments) for number in range(self.workers)]
            found = {f"process {number}": _outcome(each) for number, each in enumerate(answers, start=1)}
            if not any(isinstance(each, BrokenExecutor) for each in found.values()):
                break
        return found

    def close(self) -> None:
        """End the processes."""
        self._stopped.close()
        self._held.close()
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        for process in self._context.started:
            with suppress(ValueError, AssertionError):  # it was never started
                process.join(END_SECONDS)
                if process.is_alive():
                    process.kill()  # it stands still
                    process.join()
        self._alive.close()


def _outcome(answer: Future[Any]) -> Any:
    """Return what a process answered, or why it did not."""
    try:
        return answer.result()
    except Exception as error:  # noqa: BLE001 - part of the answer
        return error


def _begin(alive: Connection, prepare: Callable[..., None], address: Any) -> None:
    """Prepare a process: Ctrl+C is for the coordinator, which tells the others; without it, there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(alive,), name="fieldfare coordinator", daemon=True).start()
    prepare(address)


def _end_with(alive: Connection) -> None:
    with suppress(EOFError, OSError):
        alive.recv()
    os._exit(0)
