"""Giving the shards of a backup to workers: threads of this process, or processes on this machine and on others.

Workers in other processes read the backup and the documents, and write documents that nobody has changed. They write no
file but that of their shard. Whatever needs a decision about a value that an application wrote is left to the
coordinator, which owns the journal and the rest of the backup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from secrets import token_hex

from attrs import evolve

from fieldfare import __version__
from fieldfare.backup import REWRITE, Shard
from fieldfare.backup.paths import prefix_reference, shard_ending
from fieldfare.engine.distribution.pool import WorkerPool
from fieldfare.engine.distribution.sizes import shard_ranges
from fieldfare.engine.distribution.task import RunReference, ShardOutcome, ShardTask, Work
from fieldfare.engine.round import Round
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.workers import map_shards

__all__ = ["dump_shards", "work_on_shards"]


def work_on_shards(
    run: ActiveRun,
    work: Work,
    local: Callable[[Shard], object],
    merge: Callable[[Shard, ShardOutcome], None],
    *,
    completed: Callable[[Shard], int] = lambda _: 0,
) -> None:
    """Do some work on each shard of the backup, in threads or by workers in other processes.

    Args:
        run: the run.
        work: what workers in other processes do.
        local: the same in this process.
        merge: takes the outcome of such a worker. Of ``COUNTED`` work it may be a part: then the rest follows.
        completed: how many batches of a shard are done already.

    Raises:
        WorkersLost: workers end again and again.
        BaseException: what stopped a worker.
    """
    shards = run.store.shards
    if run.pool is None or len(shards) == 1:
        map_shards(run, local)
        return
    reference, prefix = _reference(run, run.pool), f"{run.store.prefix.name}."
    tasks = [
        ShardTask(
            reference, work, each.number, each.start, _stop(each), each.path.name.removeprefix(prefix), completed(each)
        )
        for each in shards
    ]
    left = [task for task in tasks if task.completed < task.batches]
    Round(run, run.pool, lambda task, outcome: merge(shards[task.shard], outcome)).work(_spread(run, left))


def dump_shards(run: ActiveRun, local: Callable[[Shard], object], merge: Callable[[ShardOutcome], None]) -> None:
    """Split the captured keys into shards, and have the originals of each written to a file.

    Workers in other processes write a file for each attempt, so that two attempts never write to the same one; the
    manifest names those that count.

    Args:
        run: the run.
        local: writes the originals of one shard in this process.
        merge: takes what turned up in a shard that a worker in another process has written.

    Raises:
        WorkersLost: workers end again and again.
        BaseException: what stopped a worker.
    """
    store = run.store
    if run.pool is None or store.key_batches <= 1:
        store.split(run.options.workers)
        map_shards(run, local)
        return
    store.sync()  # workers on other machines read the keys
    documents = max(run.journal.progress.documents, store.key_count, 1)
    ranges = shard_ranges(
        store.key_batches,
        batch_size=run.journal.progress.batch_size,
        document_bytes=run.plugins.estimate(run.plan).disk_bytes // documents,
        workers=run.pool.workers,
    )
    reference = _reference(run, run.pool)
    places = store.key_places([each.start for each in ranges])
    tasks = [
        ShardTask(reference, Work.DUMP, number, each.start, each.stop, shard_ending(number, token_hex(4)), place=place)
        for number, (each, place) in enumerate(zip(ranges, places, strict=True))
    ]
    endings = [task.ending for task in tasks]
    store.adopt(ranges, endings)  # so that what is written until a crash is found, and removed

    def take(task: ShardTask, outcome: ShardOutcome) -> None:
        endings[task.shard] = task.ending
        merge(outcome)

    Round(run, run.pool, take, renew=_with_own_file).work(_spread(run, tasks))
    store.adopt(ranges, endings)


def _with_own_file(task: ShardTask) -> ShardTask:
    """Return the task of a dump with a file that no other attempt writes."""
    return evolve(task, ending=shard_ending(task.shard, token_hex(4)))


def _reference(run: ActiveRun, pool: WorkerPool) -> RunReference:
    return RunReference(
        pool.url,
        run.server.capabilities.cluster,
        run.plan.index,
        prefix_reference(run.store.prefix),
        run.journal.progress.batch_size,
        run.journal.fingerprint,
        pool.holder,
        pool.next_round(),
        __version__,
        pool.plugins,
        pool.sources,
        pool.blocked,
        str(run.options.verify),
        run.options.retry_for,
    )


def _spread(run: ActiveRun, tasks: Sequence[ShardTask]) -> Iterator[ShardTask]:
    """Yield tasks so that every node of a cluster has some at any time: keys are listed node by node."""
    length = -(-len(tasks) // len(run.server.nodes()))
    for offset in range(length):
        yield from tasks[offset::length]


def _stop(shard: Shard) -> int:
    return shard.start + shard.batch_counts[REWRITE] if shard.stop is None else shard.stop
