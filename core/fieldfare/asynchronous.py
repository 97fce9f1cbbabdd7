"""The classes of :mod:`fieldfare.api` for programs with an event loop.

Each call does what the plain one does, in a thread of its own. Not in the loop's own pool: a migration may take
hours, and whatever else wants one of its few threads would wait for it, name look-ups among them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cached_property, partial, wraps
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, TypeAlias, TypeVar

from fieldfare.api import MigrationExecutor, MigrationPlanner, MigrationValidator
from fieldfare.engine.stop import StopRequest
from fieldfare.garbage import old_objects_left_alone
from fieldfare.plan import MigrationPlan
from fieldfare.plugins import Plugins

__all__ = ["AsyncMigrationExecutor", "AsyncMigrationPlanner", "AsyncMigrationValidator"]

Arguments = ParamSpec("Arguments")
Outcome = TypeVar("Outcome")
Plain = TypeVar("Plain")


class Asynchronous(Generic[Plain]):
    """What has the methods of a plain object called in another thread.

    Args:
        make: makes that object; called there too, because loading plugins takes a while.
    """

    def __init__(self, make: Callable[[], Plain]) -> None:
        self._make = make

    @cached_property
    def plain(self) -> Plain:
        """The object whose methods are called."""
        return self._make()


Method: TypeAlias = Callable[Concatenate[Plain, Arguments], Outcome]
Awaited: TypeAlias = Callable[Concatenate[Asynchronous[Plain], Arguments], Coroutine[Any, Any, Outcome]]


def reading(method: Method[Plain, Arguments, Outcome]) -> Awaited[Plain, Arguments, Outcome]:
    """Make a method that changes nothing awaitable.

    A cancelled task leaves it at once; the thread ends by itself, and what it finds is forgotten.
    """

    @wraps(method)
    async def call(self: Asynchronous[Plain], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Outcome:
        return await _start(lambda: method(self.plain, *args, **kwargs))

    return call


def changing(method: Method[Plain, Arguments, Outcome]) -> Awaited[Plain, Arguments, Outcome]:
    """Make a method that takes a ``stop`` awaitable.

    A cancelled task asks it to stop after its batch and ends when it has: then its locks are free, and how far it
    got is on disk. What it raised is the cause of the ``CancelledError``.
    A ``progress_callback`` is called on the loop. Python's collector leaves what was there before alone meanwhile.
    """

    @wraps(method)
    async def call(self: Asynchronous[Plain], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Outcome:
        choices: dict[str, Any] = {**kwargs}
        stop = choices["stop"] = choices.get("stop") or StopRequest()
        if callback := choices.get("progress_callback"):
            choices["progress_callback"] = partial(asyncio.get_running_loop().call_soon_threadsafe, callback)
        run: Callable[..., Outcome] = method

        def work_through() -> Outcome:
            plain = self.plain  # with its plugins: objects that are there to stay
            with old_objects_left_alone():
                return run(plain, *args, **choices)

        work = _start(work_through)
        cancelled: asyncio.CancelledError | None = None
        while not work.done():
            try:
                await asyncio.wait([work])
            except asyncio.CancelledError as error:
                cancelled = error
                stop.set()
        if cancelled is not None:
            raise cancelled from work.exception()
        return work.result()

    return call


def _start(function: Callable[[], Outcome]) -> asyncio.Future[Outcome]:
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fieldfare")
    work = asyncio.get_running_loop().run_in_executor(thread, partial(copy_context().run, function))
    thread.shutdown(wait=False)  # it ends with its work
    return work


class AsyncMigrationPlanner(Asynchronous[MigrationPlanner]):
    """Makes plans, as :class:`~fieldfare.api.MigrationPlanner` does.

    Args:
        plugins: who may claim changes; by default every installed plugin.
        min_recall: the least recall@10 that a change of vectors must keep, 0 to 1.
        accept_recall_loss: plan a change that keeps less all the same, with a warning.
    """

    def __init__(
        self, *, plugins: Plugins | None = None, min_recall: float = 0.95, accept_recall_loss: bool = False
    ) -> None:
        super().__init__(
            partial(MigrationPlanner, plugins=plugins, min_recall=min_recall, accept_recall_loss=accept_recall_loss)
        )

    create_plan = reading(MigrationPlanner.create_plan)
    create_plan_from_patch = reading(MigrationPlanner.create_plan_from_patch)

    def write_plan(self, plan: MigrationPlan, plan_out: str | Path) -> None:
        """Write a plan file. Not awaited: it is a small file."""
        self.plain.write_plan(plan, plan_out)


class AsyncMigrationExecutor(Asynchronous[MigrationExecutor]):
    """Carries out plans, and puts things back, as :class:`~fieldfare.api.MigrationExecutor` does.

    Cancelling a task stops the run between two batches; the same call again goes on with it.

    Args:
        plugins: who carries out steps; by default every installed plugin.
    """

    def __init__(self, *, plugins: Plugins | None = None) -> None:
        super().__init__(partial(MigrationExecutor, plugins=plugins))

    apply = changing(MigrationExecutor.apply)
    rollback = changing(MigrationExecutor.rollback)

    def status(self, backup_dir: str | Path, index: str | None = None) -> list[dict[str, Any]]:
        """Return how far each run in a backup directory got. Not awaited: it reads small files.

        Raises:
            BackupUnusable: no such directory, or no such backup in it.
        """
        return self.plain.status(backup_dir, index)


class AsyncMigrationValidator(Asynchronous[MigrationValidator]):
    """Checks the result of a migration, as :class:`~fieldfare.api.MigrationValidator` does.

    Args:
        plugins: whose findings to ask for; by default every installed plugin's.
    """

    def __init__(self, *, plugins: Plugins | None = None) -> None:
        super().__init__(partial(MigrationValidator, plugins=plugins))

    validate = reading(MigrationValidator.validate)
