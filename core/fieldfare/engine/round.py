"""One round of work: workers in other processes get tasks until all of them are done, whatever happens to workers."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from contextlib import suppress
from typing import Final

from attrs import define, evolve, field

from fieldfare.engine.distribution.orders import Orders, give_orders, withdraw_orders
from fieldfare.engine.distribution.pool import WorkerPool
from fieldfare.engine.distribution.task import COUNTED, ShardOutcome, ShardTask
from fieldfare.engine.retry import is_transient
from fieldfare.engine.run import ActiveRun
from fieldfare.errors import LockLost, WorkersLost
from fieldfare.report import ShardMoment
from fieldfare.support.error_text import error_text

__all__ = ["Round"]

TICK_SECONDS: Final = 0.2
"""How often the coordinator looks at limits, and whether it is to stop."""

ORDERS_SECONDS: Final = 3600.0
"""How often orders are given that have not changed."""

ATTEMPTS: Final = 4
"""How often a shard is given out whose worker ends, or loses the server; how many more workers get a slow one."""

BACKLOG: Final = 2
"""How many tasks each worker has, one of which it works on."""

STOP_SECONDS: Final = 15.0
"""How long the coordinator waits for the last batches of workers that it has told to stop."""

SLOW: Final = 5
"""A shard that takes as many times as long as the slowest one before goes to another worker, too, once none waits."""

LEAST_SECONDS: Final = 30.0
"""Before which no shard is slow."""


def _same(task: ShardTask) -> ShardTask:
    return task


@define
class Round:
    """One kind of work on all shards.

    Attributes:
        run: the run.
        pool: its workers.
        merge: takes the outcome of each task, once; of ``COUNTED`` work also what a worker did until it stopped.
        renew: makes the task of another attempt.
    """

    run: ActiveRun
    pool: WorkerPool
    merge: Callable[[ShardTask, ShardOutcome], None]
    renew: Callable[[ShardTask], ShardTask] = _same
    _waiting: deque[ShardTask] = field(init=False, factory=deque)
    _running: dict[Future[ShardOutcome], tuple[ShardTask, float]] = field(init=False, factory=dict)
    _left: set[int] = field(init=False, factory=set)
    _doubled: Counter[int] = field(init=False, factory=Counter)
    _attempts: Counter[int] = field(init=False, factory=Counter)
    _slowest: float = field(init=False, default=LEAST_SECONDS / SLOW)
    _seen_workers_at: float = field(init=False, factory=time.monotonic)
    _is_waiting: bool = field(init=False, default=False)
    _orders: Orders | None = field(init=False, default=None)
    _ordered_at: float = field(init=False, default=0.0)

    def work(self, tasks: Iterable[ShardTask]) -> None:
        """Have all tasks done.

        Raises:
            WorkersLost: workers end again and again, or there are none any more.
            StopRequested: the user asked to stop. Workers have stopped after their batch.
            BaseException: what stopped a worker.
        """
        self._waiting.extend(tasks)
        self._left = {task.shard for task in self._waiting}
        try:
            while self._left:
                self._give_orders()
                self._give_out()
                finished, _ = wait(self._running, TICK_SECONDS, FIRST_COMPLETED)
                for future in finished:
                    self._take(*self._running.pop(future), future)
        except WorkersLost:
            self._stop(0)
            raise
        except BaseException:
            self._stop(STOP_SECONDS)
            raise
        withdraw_orders(self.run.server, self.run.plan.index)  # for those that others have overtaken

    def _give_orders(self) -> None:
        """Tell workers how fast to work; each gets its share of the rate."""
        restriction = self.run.restriction()
        now, workers = time.monotonic(), self.pool.workers
        if workers:
            self._seen_workers_at, self._is_waiting = now, False
        elif now - self._seen_workers_at > self.run.options.retry_for:
            raise WorkersLost(f"no worker is left, and none has come for {self.run.options.retry_for:g} seconds")
        elif not self._is_waiting:
            self._is_waiting = True
            self._log_no_worker()
        sharing = max(min(workers, len(self._left)), 1)
        orders = Orders(
            self.pool.holder,
            self.pool.rounds,
            restriction.max_rate and restriction.max_rate / sharing,
            restriction.delay,
            restriction.paused,
        )
        if orders != self._orders or now - self._ordered_at > ORDERS_SECONDS:
            give_orders(self.run.server, self.run.plan.index, orders)
            self._orders, self._ordered_at = orders, now

    def _log_no_worker(self) -> None:
        import structlog  # noqa: PLC0415 - start-up time

        structlog.get_logger("fieldfare").warning(
            "no_worker", index=self.run.plan.index, giving_up_in_seconds=self.run.options.retry_for
        )

    def _give_out(self) -> None:
        workers = self.pool.workers
        while self._waiting and len(self._running) < max(workers, 1) * BACKLOG:
            task = self._waiting.popleft()
            self._running[self.pool.submit(task)] = (task, time.monotonic())
        if not self._waiting and self._orders == Orders(self.pool.holder, self.pool.rounds):
            self._double(workers)  # with limits, it is no worker's fault that it is slow

    def _double(self, workers: int) -> None:
        """Give shards that are slow to other workers, too, if some have nothing to do.

        Each gets it once: one that stands still would never work on a second copy either.
        """
        limit = time.monotonic() - self._slowest * SLOW
        latest = {task.shard: (task, began) for task, began in self._running.values()}  # in the order of submission
        if sum(began >= limit for _, began in self._running.values()) >= workers:
            return
        for task, began in latest.values():
            if began < limit and task.shard in self._left and self._doubled[task.shard] < ATTEMPTS:
                again = self.renew(task)
                calls = [call for call, (each, _) in self._running.items() if each.shard == task.shard]
                if (call := self.pool.submit_elsewhere(calls, again)) is not None:
                    self._doubled[task.shard] += 1
                    self._running[call] = (again, time.monotonic())

    def _take(self, task: ShardTask, began: float, future: Future[ShardOutcome]) -> None:
        """Take what a worker did; if it did not end, somebody else does the rest."""
        try:
            outcome = future.result()
        except BrokenExecutor as error:
            self.run.report_shard(task.shard, ShardMoment.LOST, seconds=time.monotonic() - began)
            self._again(task, f"the worker ended: {error}", error)
            return
        except (Exception, CancelledError) as error:
            raise WorkersLost(f"the workers do not answer: {error_text(error)}") from error
        self._report(task, outcome)
        if task.shard not in self._left:
            return  # another attempt came first
        if outcome.error is None and not outcome.is_stopped:
            self._left.discard(task.shard)
            self._slowest = max(self._slowest, time.monotonic() - began)
            self._merge(task, outcome)
            return
        if task.work in COUNTED and task.shard not in self._doubled:
            self._merge(task, outcome)
            task = evolve(task, completed=max(task.completed, outcome.completed))
        cause: Exception | None = outcome.error
        if cause is not None and not (isinstance(cause, LockLost) or is_transient(cause)):
            raise cause
        self._orders = None  # the server may have lost them
        self._again(task, f"{outcome.worker}: {'it was stopped' if cause is None else error_text(cause)}", cause)

    def _report(self, task: ShardTask, outcome: ShardOutcome) -> None:
        """Tell observers how an attempt at a shard ended."""
        if task.shard not in self._left:
            moment = ShardMoment.SUPERSEDED
        elif outcome.error is not None:
            moment = ShardMoment.FAILED
        else:
            moment = ShardMoment.STOPPED if outcome.is_stopped else ShardMoment.FINISHED
        self.run.report_shard(
            task.shard,
            moment,
            worker=outcome.worker,
            documents=outcome.documents,
            seconds=outcome.seconds,
            error=None if outcome.error is None else type(outcome.error).__name__,
        )

    def _merge(self, task: ShardTask, outcome: ShardOutcome) -> None:
        self.merge(task, outcome)
        self.run.advance_workers(outcome.documents, outcome.throttled / max(self.pool.workers, 1))

    def _again(self, task: ShardTask, reason: str, error: BaseException | None) -> None:
        """Give a task out once more.

        Raises:
            Exception: of the last worker that had it, or :class:`~fieldfare.errors.WorkersLost`, if too many had it.
        """
        if task.shard not in self._left:
            return
        self._attempts[task.shard] += 1
        if self._attempts[task.shard] >= ATTEMPTS:
            if error is not None and not isinstance(error, BrokenExecutor):
                raise error
            raise WorkersLost(f"shard {task.shard} was given out {ATTEMPTS} times. The last time {reason}") from error
        self._waiting.append(self.renew(task))

    def _stop(self, seconds: float) -> None:
        """Tell workers to stop after their batch, and take what they have done until then, if they say so soon."""
        withdraw_orders(self.run.server, self.run.plan.index)
        finished, _ = wait(self._running, seconds)
        for future in finished:
            task, _ = self._running[future]
            with suppress(Exception, CancelledError):
                outcome = future.result()
                self._report(task, outcome)
                if task.work in COUNTED and task.shard in self._left.difference(self._doubled):
                    self.merge(task, outcome)
