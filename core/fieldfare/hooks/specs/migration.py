"""The hooks of a migration, in the order in which it calls them.

The default protocol of one migration:

1. ``fieldfare_classify`` for every change of the patch; exactly one plugin must claim it.
2. ``fieldfare_plan_steps`` of the claiming plugin, and at the end ``fieldfare_plan_further_steps`` of every
   plugin; the plan is written and reviewed.
3. ``fieldfare_estimate`` of every plugin, at the end of planning and when the user asks.
4. ``fieldfare_executor`` of one plugin after the other until one answers, if the user said where the work on shards
   is to run; ``fieldfare_rehearse_step`` of each step's owner.
5. ``fieldfare_watch_dump`` and ``fieldfare_backup`` of each step's owner, before anything is changed. For rewrite steps
   the kernel makes the backup, and runs ``fieldfare_transform`` over every document as a rehearsal.
6. For every step in order: ``fieldfare_execute_step`` and ``fieldfare_verify_step``; for rewrite steps
   ``fieldfare_transform`` instead. ``fieldfare_step_report`` is called when a step starts, makes progress and ends.
7. ``fieldfare_validate`` of every plugin.
8. On rollback ``fieldfare_rehearse_step`` again; then, in reverse order, ``fieldfare_undo_step`` of each step's owner.
   The kernel undoes rewrite steps; it calls ``fieldfare_transform_back`` for values that applications wrote in the new
   form.

All arguments are passed by keyword; an implementation names only those that it uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fieldfare.hooks.markers import hookspec

if TYPE_CHECKING:
    from fieldfare.changes import Change
    from fieldfare.documents import Batch
    from fieldfare.hooks.dump_watcher import DumpWatcher
    from fieldfare.hooks.executor import Executor, LocalThreads
    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare.hooks.run import Run
    from fieldfare.plan import Claim, Estimate, MigrationPlan, Receipt, Step
    from fieldfare.report import Finding, RunReport, ShardReport, StepReport
    from fieldfare.server import Server

# ================================ Planning: reads the server, changes nothing


@hookspec
def fieldfare_classify(change: Change, live: LiveIndex) -> Claim | None:
    """Say whether this plugin carries out a change.

    When: once per change, while a plan is made; ``live`` has the previous changes of the plan applied.
    Who: any plugin. None means that the change does not belong to this plugin. If no plugin claims a change, or two
    plugins do, planning fails with an error that names them.
    Raises: nothing on purpose; with an exception planning fails, and the error names the plugin.

    Example: ``if isinstance(change, AddField): return Claim.supported()``
    """


@hookspec
def fieldfare_plan_steps(change: Change, claim: Claim, live: LiveIndex) -> Sequence[Step]:  # type: ignore[empty-body]  # a specification
    """Return the steps that carry out a claimed change.

    When: right after the change was claimed as supported; only the claiming plugin is called.
    Who: every plugin that claims changes. An empty list means that it is enough to drop and create the index;
    None is an error.
    Raises: nothing on purpose.

    Example: ``return [Step.rewrite(kind="acme.redact", fields=["email"])]``
    """


@hookspec
def fieldfare_plan_further_steps(live: LiveIndex) -> Sequence[Step] | None:
    """Return the steps that are necessary because of the changes of other plugins.

    When: once, when every change is claimed as supported and something changes. ``live.definition`` is the target,
    ``live.snapshot`` the source, ``live.previous_changes`` has all changes.
    Who: any plugin that stores something under the name of an index or a field. It owns these steps. None means that
    there is nothing to do.
    Raises: nothing on purpose.

    Example: ``return [Step.new("acme.rename_settings", Phase.VALIDATE)]``
    """


@hookspec
def fieldfare_estimate(plan: MigrationPlan) -> Estimate | None:
    """Estimate the disk, memory and time that this plugin's steps will need.

    When: when a plan is made, and on ``fieldfare estimate``. It has no access to the server.
    Who: plugins whose steps write. None means that there is nothing to say.
    Raises: nothing on purpose.

    Example: ``return Estimate(disk_bytes=docs * width)``
    """


# ================================ Running


@hookspec(firstresult=True)
def fieldfare_executor(spec: str, server: Server) -> Executor | LocalThreads | None:
    """Give the workers that work on the shards of a backup: that read, convert, compare and restore documents.

    When: once for a run or a rollback, if the user gave ``--executor``; ``spec`` is what was given. The kernel itself
    knows ``threads:N`` and ``processes:N``.
    Who: plugins that know workers. None means "not mine, call the next plugin". Workers find the server by themselves,
    from their own environment; ``server`` is for plugins that start some.
    Raises: ``UsageError`` for a spec that is one's own and wrong, ``PreconditionError`` if there are no workers. By
    then, nothing is changed.

    Example: ``return AcmeExecutor(spec) if spec.startswith("acme://") else None``
    """


@hookspec
def fieldfare_rehearse_step(step: Step, run: Run) -> None:
    """Check that a step can be executed and undone: above all, that the user may run its commands.

    When: before a run or a rollback changes anything. ``run`` has no keys and no backup yet.
    Who: the owner of a step that is not a rewrite step, if the step sends commands of its own. Returns None.
    Raises: any ``FieldfareError``, to stop with nothing changed. ``require_allowed`` raises ``CommandNotAllowed``.

    Example: ``require_allowed(run.server, [("SET", "app:maintenance", "1", "XX")])``
    """


@hookspec
def fieldfare_backup(step: Step, run: Run) -> None:
    """Save the originals that a step will overwrite.

    When: in the BACKUP phase, before anything on Redis is changed; after a crash again, from the beginning.
    Everything that is passed to ``run.save`` is fsynced before the first change.
    Who: the owner of a step that is not a rewrite step. Returns None.
    Raises: any ``FieldfareError``, to stop the run before anything is changed.

    Example: ``for batch in run.documents(["email"]): run.save(step, batch)``
    """


@hookspec
def fieldfare_watch_dump(step: Step, run: Run) -> DumpWatcher | None:
    """Have originals that rewrite steps will overwrite shown while they are read, in place of reading them again.

    When: before they are read, if the plan has rewrite steps; ``run.keys(step)`` gives every key. The watcher gets
    each batch that goes to the backup, in any order, and its ``save`` is called in place of ``fieldfare_backup``. After
    a lost connection or a crash all of it is done again, with another watcher.
    Who: the owner of a step that is not a rewrite step. None means that ``fieldfare_backup`` is called.
    Raises: any ``FieldfareError``, to stop the run before anything is changed.

    Example: ``return Longest(step, run)``
    """


@hookspec
def fieldfare_transform(step: Step, batch: Batch) -> Batch:  # type: ignore[empty-body]  # a specification
    """Compute new values from original ones. Pure: no I/O, no state, the same result for the same batch.

    When: for each batch of a rewrite step: in the rehearsal before anything is changed, when documents are rewritten,
    and on a rollback. A batch holds the documents that have at least one of the step's fields. Several threads may
    call the hook at the same time.
    Who: the owner of the step. None is an error.
    Raises: anything; an exception in the rehearsal stops the run before the index is changed.

    Example: ``return batch.replace("email", [mask(value) for value in batch["email"]])``
    """


@hookspec
def fieldfare_transform_back(step: Step, batch: Batch) -> Batch | None:
    """Compute values in the old form from values that applications wrote in the new form. Pure, like a transform.

    When: on a rollback of a run in the mode ``shadow``, for documents whose new field an application wrote itself.
    It is not called for values that the run has converted: their originals are in the documents or in the backup.
    Who: the owner of the step. None means that there is no way back; a value of None in the result means this for one
    document.
    Raises: anything; then the report names the document, and its value is in the backup.

    Example: ``return batch.replace("price", [cents_to_euros(value) for value in batch["price"]])``
    """


@hookspec
def fieldfare_execute_step(step: Step, run: Run) -> Receipt:  # type: ignore[empty-body]  # a specification
    """Carry out a step that is not a rewrite step. MUST be idempotent.

    When: in plan order; again after a crash, where ``run.keys(step)`` continues after the last ``run.done``.
    Who: the owner of the step. None is an error.
    Raises: anything; an exception ends the run, which can be resumed.

    Example: ``run.redis.set("app:maintenance", 1); return Receipt(step.id)``
    """


@hookspec
def fieldfare_verify_step(step: Step, receipt: Receipt | None, run: Run) -> bool:  # type: ignore[empty-body]  # a specification
    """Say whether a step is done. Read-only.

    When: after the execution, with its receipt. After a crash in the middle of the step, with None: then True
    means that the step is done, and False that it must be executed again. ``run.keys(step)`` gives every key.
    Who: the owner of the step. None is an error.
    Raises: nothing on purpose.

    Example: ``return bool(run.redis.exists("app:maintenance"))``
    """


@hookspec
def fieldfare_undo_step(step: Step, receipt: Receipt | None, run: Run) -> None:
    """Undo a step; only the journal and the backup may be used. MUST be idempotent.

    When: on rollback, in reverse order, for every step that was started; ``receipt`` is None if the
    step never finished, and has no details if it was found done after a crash. ``run.keys(step)`` gives
    every key, also after a crash.
    Who: the owner of the step. Returns None.
    Raises: anything; an exception ends the rollback, which can be run again.

    Example: ``run.redis.delete("app:maintenance")``
    """


@hookspec
def fieldfare_validate(plan: MigrationPlan, run: Run) -> Sequence[Finding] | None:
    """Check the result of a migration. Read-only.

    When: after the target index is ready, and on ``fieldfare validate``.
    Who: any plugin. None means that there is nothing to say.
    Raises: nothing on purpose; after an exception, a failed finding names the plugin.

    Example: ``return [Finding("acme.greeting", passed=run.redis.exists("greeting") == 1)]``
    """


@hookspec
def fieldfare_step_report(report: StepReport) -> None:
    """Observe a run: a step started, made progress, finished or failed.

    When: at each of these moments.
    Who: observers: a terminal, a log, metrics. Returns None.
    Raises: anything; an exception is logged and never fails the step.

    Example: ``gauge.set(report.documents_done / report.documents_total)``
    """


@hookspec
def fieldfare_shard_report(report: ShardReport) -> None:
    """Observe the attempt of a worker in another process at one shard.

    When: at the end of each attempt, also of one whose worker was lost. Not for threads of the process that runs the
    migration.
    Who: observers: tracing, metrics. Returns None.
    Raises: anything; an exception is logged and never fails the run.

    Example: ``histogram.observe(report.seconds, worker=report.worker)``
    """


@hookspec
def fieldfare_run_report(report: RunReport) -> None:
    """Observe a whole run: it started, finished or failed, or ``sync --watch`` says how far it is behind.

    When: at each of these moments. Step reports come in between. A run that has nothing to do makes no report.
    Who: observers: tracing, metrics. Returns None.
    Raises: anything; an exception is logged and never fails the run.

    Example: ``if report.moment is Moment.FAILED: page(f"{report.command} of {report.index}: {report.error}")``
    """


@hookspec(firstresult=True)
def fieldfare_move_keys(pairs: Sequence[tuple[bytes, bytes]], run: Run) -> Sequence[bool] | None:
    """Rename keys, in the way that this topology needs. MUST be idempotent.

    When: called by steps that move keys, a batch at a time.
    Who: plugins that support a topology. None leaves the keys to the next plugin. The result says for
    each pair whether this call moved the key.
    Raises: anything; an exception ends the run, which can be resumed.

    Example: ``return [run.redis.renamenx(old, new) for old, new in pairs]``
    """


@hookspec
def fieldfare_name_keys(step: Step, keys: Sequence[bytes], back: bool) -> Sequence[bytes]:  # type: ignore[empty-body]  # noqa: FBT001 - a specification, called with keyword arguments
    """Return the names of keys after a step that moves keys; with ``back``, the names before it. Pure: no I/O.

    When: in the mode ``shadow``, for a step with ``moves_keys``, at any time of a run. In this mode the kernel copies
    documents to their new keys, copies what applications write, and removes old keys when the run is finalized.
    Who: the owner of the step. A key that the step does not move keeps its name; no key may be both the old name of
    one document and the new name of another. None is an error.
    Raises: nothing on purpose.

    Example: ``return [key.removeprefix(b"v2:") if back else b"v2:" + key for key in keys]``
    """
