"""An executor of threads that treats them as other processes: whatever it gives them is pickled, and remembered."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from fieldfare import hookimpl
from fieldfare.engine.distribution.task import ShardTask

__all__ = ["PicklingExecutor", "PicklingPlugin"]


class PicklingExecutor:
    """Calls functions in threads, with what is left of their arguments after a journey.

    Args:
        workers: how many threads.
        before: called with each task before it is done; what it raises is the outcome.
    """

    def __init__(self, workers: int = 2, before: Callable[[ShardTask], object] = lambda _: None) -> None:
        self.workers = workers
        self.before = before
        self.travelled: list[bytes] = []
        self.tasks: list[ShardTask] = []
        self.is_closed = False
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="worker")

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """Call a function in a thread."""
        call = self._travel((function, arguments))
        self.tasks += [each for each in arguments if isinstance(each, ShardTask)]
        return self._pool.submit(self._run, *call)

    def submit_elsewhere(
        self, calls: Collection[Future[Any]], function: Callable[..., Any], /, *arguments: Any
    ) -> Future[Any] | None:
        """Call a function in a thread, unless each has one of some calls."""
        is_busy = sum(not each.done() for each in calls) >= self.workers
        return None if is_busy else self.submit(function, *arguments)

    def ask_each(self, function: Callable[..., Any], /, *arguments: Any) -> Mapping[str, Any]:
        """Call a function in one thread: they are alike."""
        return {"thread": self.submit(function, *arguments).result()}

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(cancel_futures=True)
        self.is_closed = True

    def _run(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        for each in arguments:
            if isinstance(each, ShardTask):
                self.before(each)
        return self._travel(function(*arguments))

    def _travel(self, what: Any) -> Any:
        self.travelled.append(pickle.dumps(what))
        return pickle.loads(self.travelled[-1])  # noqa: S301 - these bytes were made just now


class PicklingPlugin:
    """Knows the executors ``pickle://``."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.executors: list[PicklingExecutor] = []

    @hookimpl
    def fieldfare_executor(self, spec: str) -> PicklingExecutor | None:  # noqa: D102 - as the hook says
        if spec != "pickle://":
            return None
        self.executors.append(PicklingExecutor(**self.options))
        return self.executors[-1]
