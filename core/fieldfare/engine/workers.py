"""Working on the shards of one backup with several threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

from fieldfare.support.gc_freeze import frozen_gc

if TYPE_CHECKING:
    from fieldfare.backup import Shard
    from fieldfare.engine.run import ActiveRun

__all__ = ["map_shards"]

T = TypeVar("T")


@frozen_gc()
def map_shards(run: ActiveRun, work: Callable[[Shard], T]) -> list[T]:
    """Do some work on each shard of the backup, as many at a time as the user asked for.

    Workers are threads: see ``docs/workers.md`` for why. Each has connections and files of its own; the rest of
    the run is changed under ``run.guard`` only. One worker does everything in the caller's thread.

    Args:
        run: the run.
        work: calls ``run.advance`` after each batch.

    Returns:
        What the work gave for each shard, in order.

    Raises:
        BaseException: what stopped the first worker that stopped; the others have finished their batch by then.
    """
    shards = run.store.shards
    workers = min(run.options.workers, len(shards))
    if workers == 1:
        return [work(shard) for shard in shards]
    causes: list[BaseException] = []

    def attempt(shard: Shard) -> T:
        try:
            run.check()
            return work(shard)
        except BaseException as error:
            with run.guard:
                causes.append(error)
            run.halt()
            raise

    with ThreadPoolExecutor(workers, thread_name_prefix="fieldfare-worker") as pool:
        try:
            attempts = [pool.submit(copy_context().run, attempt, shard) for shard in shards]
            wait(attempts)
        except BaseException:
            run.halt()
            raise
    if causes:
        raise causes[0]
    return [each.result() for each in attempts]
