"""Functions run on the workers of a Dask cluster. Imports Dask: import it only to run some."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Future
from contextlib import ExitStack, contextmanager
from itertools import chain
from typing import Any, Final, Self
from uuid import uuid4
from weakref import WeakKeyDictionary

import structlog
from distributed import Client, KilledWorker, LocalCluster
from distributed.exceptions import WorkerStartTimeoutError

from fieldfare.errors import WorkersUnfit
from fieldfare.server import Server

__all__ = ["DaskExecutor"]

ATTEMPTS: Final = 3
"""How often workers are asked of which one ends."""

CLOSED: Final = ("closing", "closed")
"""States of a client that has given up its scheduler."""

CONNECT_SECONDS: Final = 10
"""How long a scheduler may take to answer."""

COUNT_SECONDS: Final = 1.0
"""How often the scheduler is asked for its workers."""

GONE: Final = "the scheduler has ended, or cannot be reached"

LOGGERS: Final = ("distributed.client", "distributed.core", "distributed.utils")
"""Of Dask, which log that a scheduler is gone."""

WORKER_SECONDS: Final = 60
"""How long a worker may take to come while there is none: something starts it, or starts it again."""


class DaskExecutor:
    """Functions run on the workers of a Dask cluster, as many at a time as they have threads.

    Args:
        resources: what is closed at the end, the client among them.
        client: of the scheduler.
    """

    def __init__(self, resources: ExitStack, client: Client) -> None:
        self._resources = resources
        self._client = client
        self._workers, self._counted_at = 0, -math.inf
        self._names: WeakKeyDictionary[Future[Any], str] = WeakKeyDictionary()
        self._pool = client.get_executor(pure=False)  # type: ignore[no-untyped-call]  # Dask leaves its methods untyped

    @classmethod
    def on_scheduler(cls, address: str) -> Self:
        """Use the workers of a scheduler.

        Args:
            address: as Dask writes it: ``tcp://HOST:PORT``, or ``tls://HOST:PORT`` with the certificates of Dask's
                configuration.

        Raises:
            WorkersUnfit: it does not answer, or has no workers.
        """
        with ExitStack() as undo:
            try:
                made = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)  # type: ignore[no-untyped-call]  # as above
                client = undo.enter_context(made)
                _wait_for_worker(client)
            except (OSError, TypeError, ValueError) as error:
                raise WorkersUnfit([f"the scheduler at {address}: {str(error) or type(error).__name__}"]) from error
            return cls(undo.pop_all(), client)

    @classmethod
    def on_this_machine(cls, server: Server) -> Self:
        """Start a scheduler and a worker for each core of this machine; they end with the run."""
        address = server.address
        known = {} if address is None or "***" in address.reference else {"FIELDFARE_URL": address.reference}
        with ExitStack() as undo:
            made = LocalCluster(threads_per_worker=1, dashboard_address=None, env=known)  # type: ignore[no-untyped-call]  # as above
            cluster = undo.enter_context(made)
            client = undo.enter_context(Client(cluster, set_as_default=False))  # type: ignore[no-untyped-call]  # as above
            return cls(undo.pop_all(), client)

    @property
    def workers(self) -> int:
        """How many tasks run at a time, as the scheduler said within the last second."""
        if time.monotonic() - self._counted_at > COUNT_SECONDS:
            try:
                self._workers = sum(self._client.nthreads().values())  # type: ignore[no-untyped-call]  # as above
            except (OSError, AttributeError):  # the scheduler is away: Dask looks for it, then closes the client
                self._workers = 0
            self._counted_at = time.monotonic()
        return self._workers

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """Have a worker call a function; Dask gives the call to another one if a worker ends."""
        return self._submit({}, function, *arguments)

    def submit_elsewhere(
        self, calls: Collection[Future[Any]], function: Callable[..., Any], /, *arguments: Any
    ) -> Future[Any] | None:
        """Have a worker call a function that has none of some calls; not while one of these waits for a worker."""
        names = {self._names[call] for call in calls if not call.done()}
        try:
            given = self._client.processing()  # type: ignore[no-untyped-call]  # as above
            others = [worker for worker in self._client.nthreads() if names.isdisjoint(given.get(worker, ()))]  # type: ignore[no-untyped-call]  # as above
        except (OSError, AttributeError):  # as in ``workers``
            return None
        if not (others and names.issubset(chain.from_iterable(given.values()))):
            return None
        # if all of these end, Dask may choose another one
        return self._submit({"workers": others, "allow_other_workers": True}, function, *arguments)

    def _submit(self, options: Mapping[str, Any], function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        answer: Future[Any] = Future()
        call: Future[Any] | None = None
        try:
            self._names[answer] = name = f"{function.__name__}-{uuid4()}"
            call = self._pool.submit(function, *arguments, key=name, **options)
        except Exception:  # Dask raises errors of several kinds once its client is closed; others are raised again
            if self._client.status not in CLOSED:
                raise
        if call is None or self._client.status in CLOSED:  # then Dask may have dropped the call without a word
            answer.set_exception(ConnectionError(GONE))
        else:
            call.add_done_callback(lambda done: _copy(done, answer))
        return answer

    def ask_each(self, function: Callable[..., Any], /, *arguments: Any) -> Mapping[str, Any]:
        """Have every worker call a function; wait for one if the last one has ended.

        Raises:
            WorkersUnfit: the scheduler has ended, or no worker has come.
        """
        answers: Mapping[str, Any] = {}
        for _ in range(ATTEMPTS):
            try:
                _wait_for_worker(self._client)
                answers = self._client.run(function, *arguments, on_error="return")
            except (OSError, AttributeError) as error:  # as in ``workers``
                reason = str(error) or type(error).__name__
                raise WorkersUnfit([f"{GONE}: {reason}"]) from error
            if answers and not any(isinstance(each, OSError) for each in answers.values()):
                break
            time.sleep(COUNT_SECONDS)  # a worker has ended, which the scheduler will find out
        return answers

    def close(self) -> None:
        """Leave the scheduler; end the cluster of this machine."""
        with _quiet():
            self._resources.close()


def _wait_for_worker(client: Client) -> None:
    """Return when a scheduler has a worker.

    Raises:
        WorkersUnfit: none has come.
        OSError: the scheduler does not answer.
    """
    if not client.nthreads():  # type: ignore[no-untyped-call]  # as above
        structlog.get_logger("fieldfare").warning("no_worker", giving_up_in_seconds=WORKER_SECONDS)
    try:
        client.wait_for_workers(1, timeout=WORKER_SECONDS)
    except WorkerStartTimeoutError as error:
        raise WorkersUnfit([f"there is no worker, and none has come for {WORKER_SECONDS} seconds"]) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask from logging what it was doing when it is closed: a scheduler that is gone was named already."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _copy(done: Future[Any], answer: Future[Any]) -> None:
    """Copy the outcome of a call; of one that ended several workers, as the contract of executors says."""
    try:
        answer.set_result(done.result())
    except KilledWorker as error:
        broken = BrokenExecutor(str(error))
        broken.__cause__ = error
        answer.set_exception(broken)
    except CancelledError as error:  # by Dask, which has given up its scheduler
        gone = ConnectionError(GONE)
        gone.__cause__ = error
        answer.set_exception(gone)
    except Exception as error:  # noqa: BLE001 - it is the caller's
        answer.set_exception(error)
