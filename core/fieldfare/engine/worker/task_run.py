"""Running one task: what is done with the documents of one shard."""

from __future__ import annotations

import pickle
import time
from functools import partial

from attrs import evolve, frozen
from redis.exceptions import RedisError

from fieldfare import __version__
from fieldfare.backup import CONCURRENT_UPDATES, BackupStore, Shard, backup_file
from fieldfare.backup.progress import Status, StepRecord
from fieldfare.engine.checks.content import compare_shadow_shard, compare_shard
from fieldfare.engine.concurrent.saved_values import SavedValues
from fieldfare.engine.distribution.orders import FollowedOrders, Orders
from fieldfare.engine.distribution.task import COUNTED, RunReference, ShardOutcome, ShardTask, Work
from fieldfare.engine.restore import Restorer
from fieldfare.engine.rewrite import dump_shard, rewrite_shard
from fieldfare.engine.rewrite_pass import RewritePass, rewrite_pass
from fieldfare.engine.shadow_fields.fill import fill_shard
from fieldfare.engine.stop import StopRequested
from fieldfare.engine.worker.context import journal_of, plugins_without, prefix_of, secrets, server_at
from fieldfare.engine.worker.greeting import missing_plugins, other_sources, process_name
from fieldfare.engine.worker.run import WorkerJournal, WorkerRun
from fieldfare.errors import FieldfareError, PluginMissing, WorkersLost, WorkersUnfit
from fieldfare.hooks.manager import Plugins
from fieldfare.hooks.run_defaults import Verify
from fieldfare.hooks.run_options import RunOptions
from fieldfare.hooks.sources import source_digests
from fieldfare.server.followed_lock import FollowedLock
from fieldfare.support.error_text import error_text
from fieldfare.support.fault_points import during
from fieldfare.support.gc_freeze import frozen_gc
from fieldfare.support.redaction import redact

__all__ = ["run_task"]


def run_task(task: ShardTask) -> ShardOutcome:
    """Do a task in this process. Never raises: an error is part of the outcome, without any secret."""
    worker, began = process_name(), time.monotonic()
    try:
        outcome = _Task(task, worker, *_open(task)).outcome()
    except Exception as error:  # noqa: BLE001 - whatever it is, the coordinator decides
        outcome = ShardOutcome(worker, task.completed, error=_portable(error))
    return evolve(outcome, seconds=time.monotonic() - began)


def _open(task: ShardTask) -> tuple[WorkerRun, Shard]:
    reference = task.run
    plugins = plugins_without(reference.blocked)
    _require_same_code(reference, plugins)
    prefix, known = prefix_of(reference), journal_of(reference)
    server = server_at(reference.url, cluster=reference.cluster)
    lock = FollowedLock(server, reference.index, reference.holder)
    verify = Verify.FULL if task.work is Work.COMPARE_ALL else Verify(reference.verify)
    shard = Shard(backup_file(prefix, task.ending), task.shard, task.start, task.stop)
    steps = {step.id: StepRecord(Status.RUNNING, task.completed) for step in rewrite_pass(known.plan).steps}
    progress = evolve(known.progress, batch_size=reference.batch_size, notes=(), warnings=(), steps=steps)
    run = WorkerRun(
        server,
        known.plan,
        plugins,
        RunOptions(batch_size=reference.batch_size, verify=verify),
        journal=WorkerJournal(known.path, known.plan, progress),
        store=BackupStore(prefix, batch_size=reference.batch_size, shards=(shard,)),
        lock=lock,
    )
    run.orders = FollowedOrders(server, reference.index, Orders(reference.holder, reference.round), run.check)
    return run, shard


def _require_same_code(reference: RunReference, plugins: Plugins) -> None:
    """Refuse to work as a worker that came later, and was not asked before the run.

    Raises:
        WorkersUnfit: it has another version of fieldfare; or other sources of it, or of a plugin.
        PluginMissing: it lacks a plugin, or has another version of it.
    """
    if reference.version != __version__:
        raise WorkersUnfit([f"{process_name()} has fieldfare {__version__}, the coordinator {reference.version}"])
    missing = missing_plugins(process_name(), dict(reference.plugins), plugins.versions)
    if missing:
        raise PluginMissing(missing)
    differing = other_sources(process_name(), dict(reference.sources), source_digests())
    if differing:
        raise WorkersUnfit(differing)


@frozen(hash=False)
class _Task:
    """One task, with the run to which it belongs."""

    task: ShardTask
    worker: str
    run: WorkerRun
    shard: Shard

    @frozen_gc()
    def outcome(self) -> ShardOutcome:
        """Do it, and return how far it got."""
        run, work = self.run, rewrite_pass(self.run.plan)
        left: set[int] = set()
        written, is_stopped, error = 0, False, None
        try:
            run.check()
            with during(str(self.task.work)):
                written = self._work(work, left)
        except StopRequested:
            is_stopped = True
        except (FieldfareError, RedisError, OSError) as caught:
            error = _portable(caught)
        finally:
            run.store.close()
        completed = self.task.batches
        if self.task.work in COUNTED:
            record = run.journal.progress.steps[work.steps[0].id]
            completed, written = record.completed_batches, record.documents
        return ShardOutcome(
            self.worker,
            completed,
            run.looked_at,
            written,
            tuple(sorted(left)),
            run.notes,
            0.0 if run.orders is None else run.orders.throttled,
            is_stopped,
            error,
        )

    def _work(self, work: RewritePass, left: set[int]) -> int:
        run, shard = self.run, self.shard
        match self.task.work:
            case Work.DUMP:
                dump_shard(run, work, shard, self.task.place)
                shard.sync()
            case Work.REWRITE:
                rewrite_shard(run, work, shard, lambda number, _, __: left.add(number))
            case Work.FILL:
                fill_shard(run, work, shard, lambda number, _: left.add(number))
            case Work.RESTORE:
                restorer = Restorer(run, work, None, SavedValues(run.store, CONCURRENT_UPDATES))
                written = restorer.restore(shard)
                left |= restorer.left
                return written
            case Work.COMPARE_SHADOWS:
                return compare_shadow_shard(run, shard, left.add)
            case Work.COMPARE | Work.COMPARE_ALL:
                return compare_shard(run, work, shard, left.add)
        return 0


def _portable(error: Exception) -> Exception:
    """Return an error as it can travel: it can be pickled, and holds no secret."""
    hidden = partial(redact, secrets=secrets())
    text = hidden(error_text(error))
    if isinstance(error, (FieldfareError, RedisError, OSError)):
        try:
            found: Exception = pickle.loads(pickle.dumps(error))  # noqa: S301 - these bytes were made just now
        except Exception:  # noqa: BLE001 - some error that cannot
            found = error
        else:
            if hidden(str(found)) == str(found):
                return found
    return WorkersLost(text)
