"""The workers of one run, in other processes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future

from attrs import define

from fieldfare.engine.distribution.task import ShardOutcome, ShardTask
from fieldfare.hooks.executor import Executor

__all__ = ["WorkerPool"]


@define
class WorkerPool:
    """The workers of one run.

    Attributes:
        executor: gives them tasks.
        run_task: what they do with one.
        url: how they find the server: as in :class:`~fieldfare.engine.distribution.task.RunReference`.
        holder: names the holder of the lock on the index, likewise.
        plugins: name and version of each plugin of the plan.
        sources: name and digest of the sources of the kernel and of each of these plugins.
        blocked: names of plugins that the user excluded.
        rounds: number of the current round of work; a worker of an earlier one stops.
    """

    executor: Executor
    run_task: Callable[[ShardTask], ShardOutcome]
    url: str
    holder: str
    plugins: tuple[tuple[str, str], ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    blocked: tuple[str, ...] = ()
    rounds: int = 0

    @property
    def workers(self) -> int:
        """How many tasks run at a time."""
        return self.executor.workers

    def next_round(self) -> int:
        """Begin another round, and return its number."""
        self.rounds += 1
        return self.rounds

    def submit(self, task: ShardTask) -> Future[ShardOutcome]:
        """Give a task to a worker."""
        return self.executor.submit(self.run_task, task)

    def submit_elsewhere(self, calls: Collection[Future[ShardOutcome]], task: ShardTask) -> Future[ShardOutcome] | None:
        """Give a task to a worker that has none of some calls; None if there is no such worker, or nobody can tell."""
        submit = getattr(self.executor, "submit_elsewhere", None)
        return None if submit is None else submit(calls, self.run_task, task)
