"""The classes of :mod:`fieldfare.api` for programs with an event loop.

Each call runs the synchronous method in its own thread, not in a thread of the loop's default executor: a migration may
take hours, and would block other users of the executor's few threads, such as DNS look-ups.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cached_property, partial, wraps
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, TypeAlias, TypeVar

from fieldfare.api import MigrationExecutor, MigrationPlanner, MigrationValidator
from fieldfare.engine.stop import StopRequest
from fieldfare.hooks.manager import Plugins
from fieldfare.plan import MigrationPlan
from fieldfare.storage import BackupPath
from fieldfare.support.gc_freeze import frozen_gc

__all__ = ["AsyncMigrationExecutor", "AsyncMigrationPlanner", "AsyncMigrationValidator"]

Arguments = ParamSpec("Arguments")
Outcome = TypeVar("Outcome")
Synchronous = TypeVar("Synchronous")


class Asynchronous(Generic[Synchronous]):
    """Base class: calls the methods of a synchronous object in another thread.

    Args:
        create: creates that object; called in the other thread, because loading plugins takes a while.
    """

    def __init__(self, create: Callable[[], Synchronous]) -> None:
        self._create = create

    @cached_property
    def synchronous(self) -> Synchronous:
        """The synchronous object."""
        return self._create()


Method: TypeAlias = Callable[Concatenate[Synchronous, Arguments], Outcome]
Awaited: TypeAlias = Callable[Concatenate[Asynchronous[Synchronous], Arguments], Coroutine[Any, Any, Outcome]]


def awaitable(method: Method[Synchronous, Arguments, Outcome]) -> Awaited[Synchronous, Arguments, Outcome]:
    """Make a method awaitable that has no ``stop`` argument and changes nothing on the server.

    A cancelled task ends at once. The thread ends when the method returns, and its result is discarded.
    """

    @wraps(method)
    async def call(self: Asynchronous[Synchronous], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Outcome:
        return await _start_thread(lambda: method(self.synchronous, *args, **kwargs))

    return call


def awaitable_with_stop(method: Method[Synchronous, Arguments, Outcome]) -> Awaited[Synchronous, Arguments, Outcome]:
    """Make a method with a ``stop`` argument awaitable.

    If the task is cancelled, the method stops after the current batch, and then the task ends: the locks are released,
    and the journal is on disk. The exception of the method is the cause of the ``CancelledError``.
    A ``progress_callback`` is called in the loop's thread. Python's garbage collector is frozen during the call.
    """

    @wraps(method)
    async def call(self: Asynchronous[Synchronous], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Outcome:
        choices: dict[str, Any] = {**kwargs}
        stop = choices["stop"] = choices.get("stop") or StopRequest()
        if callback := choices.get("progress_callback"):
            choices["progress_callback"] = partial(asyncio.get_running_loop().call_soon_threadsafe, callback)
        run: Callable[..., Outcome] = method

        def work_through() -> Outcome:
            synchronous = self.synchronous  # created before the freeze, because its plugins are long-lived objects
            with frozen_gc():
                return run(synchronous, *args, **choices)

        work = _start_thread(work_through)
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


def _start_thread(function: Callable[[], Outcome]) -> asyncio.Future[Outcome]:
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fieldfare")
    work = asyncio.get_running_loop().run_in_executor(thread, partial(copy_context().run, function))
    thread.shutdown(wait=False)  # it ends with its work
    return work


class AsyncMigrationPlanner(Asynchronous[MigrationPlanner]):
    """Makes plans, as :class:`~fieldfare.api.MigrationPlanner` does.

    Args:
        plugins: the plugins that may claim changes; by default every installed plugin.
        min_recall: the required recall@10 of a change of vectors, 0 to 1.
        accept_recall_loss: plan changes below ``min_recall``, with a warning.
        allow_document_expiry: plan to make an index TEMPORARY, whose documents Redis deletes with it.
        key_sample_limit: how many keys to sample for the validation, if a call does not set it.
        prefer: plugins to use if another plugin claims the same change.
    """

    def __init__(  # noqa: PLR0913 - the choices of a plan
        self,
        *,
        plugins: Plugins | None = None,
        min_recall: float = 0.95,
        accept_recall_loss: bool = False,
        allow_document_expiry: bool = False,
        key_sample_limit: int = 10,
        prefer: Sequence[str] = (),
    ) -> None:
        super().__init__(
            partial(
                MigrationPlanner,
                plugins=plugins,
                min_recall=min_recall,
                accept_recall_loss=accept_recall_loss,
                allow_document_expiry=allow_document_expiry,
                key_sample_limit=key_sample_limit,
                prefer=prefer,
            )
        )

    create_plan = awaitable(MigrationPlanner.create_plan)
    create_plan_from_patch = awaitable(MigrationPlanner.create_plan_from_patch)
    with_steps = awaitable(MigrationPlanner.with_steps)

    def write_plan(self, plan: MigrationPlan, plan_out: str | Path) -> None:
        """Write a plan file. Not awaited: it is a small file."""
        self.synchronous.write_plan(plan, plan_out)


class AsyncMigrationExecutor(Asynchronous[MigrationExecutor]):
    """Applies plans and rolls them back, as :class:`~fieldfare.api.MigrationExecutor` does.

    Cancelling a task stops the run between two batches; the same call resumes it.

    Args:
        plugins: the plugins that carry out steps; by default every installed plugin.
    """

    def __init__(self, *, plugins: Plugins | None = None) -> None:
        super().__init__(partial(MigrationExecutor, plugins=plugins))

    apply = awaitable_with_stop(MigrationExecutor.apply)
    switch = awaitable_with_stop(MigrationExecutor.switch)
    finalize = awaitable_with_stop(MigrationExecutor.finalize)
    sync = awaitable_with_stop(MigrationExecutor.sync)
    rollback = awaitable_with_stop(MigrationExecutor.rollback)
    throttle = awaitable(MigrationExecutor.throttle)

    def status(self, backup_dir: BackupPath | str, index: str | None = None) -> list[dict[str, Any]]:
        """Return the progress of each run in a backup directory. Not awaited: it reads small files.

        Raises:
            BackupUnusable: no such directory, or no such backup in it.
        """
        return self.synchronous.status(backup_dir, index)


class AsyncMigrationValidator(Asynchronous[MigrationValidator]):
    """Checks the result of a migration, as :class:`~fieldfare.api.MigrationValidator` does.

    Args:
        plugins: the plugins that validate; by default every installed plugin.
    """

    def __init__(self, *, plugins: Plugins | None = None) -> None:
        super().__init__(partial(MigrationValidator, plugins=plugins))

    validate = awaitable(MigrationValidator.validate)
