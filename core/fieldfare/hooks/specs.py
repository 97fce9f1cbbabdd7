"""The hooks, in the order in which a migration calls them.

The default protocol of one migration:

1. ``fieldfare_classify`` for every change of the patch; exactly one plugin must claim it.
2. ``fieldfare_plan_steps`` of the claiming plugin, and at the end ``fieldfare_plan_further_steps`` of every
   plugin; the plan is written and reviewed.
3. ``fieldfare_estimate`` of every plugin, at the end of planning and when the user asks.
4. ``fieldfare_executor`` of one plugin after the other until one answers, if the user said where the work on shards
   is to run; ``fieldfare_rehearse_step`` of each step's owner.
5. ``fieldfare_backup`` of each step's owner, before anything is changed. Rewrite steps are backed up by
   the kernel, which also runs ``fieldfare_transform`` over every document as a rehearsal.
6. For every step in order: ``fieldfare_execute_step``, ``fieldfare_verify_step``; rewrite steps run
   through ``fieldfare_transform`` instead. ``fieldfare_step_report`` after each.
7. ``fieldfare_validate`` of every plugin.
8. On rollback ``fieldfare_rehearse_step`` again; then, in reverse order, ``fieldfare_undo_step`` of each step's owner.
   Rewrite steps are undone by the kernel, with ``fieldfare_transform_back`` where an application wrote the new form.

All arguments are passed by keyword; an implementation names only those that it uses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fieldfare.hooks.markers import hookspec

if TYPE_CHECKING:
    import typer

    from fieldfare.changes import Change
    from fieldfare.definition import Field, IndexDefinition
    from fieldfare.documents import Batch
    from fieldfare.hooks.examination import ExaminedIndex, Examiner
    from fieldfare.hooks.executor import Executor, LocalThreads
    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare.hooks.run import Run
    from fieldfare.plan import Claim, Estimate, MigrationPlan, Receipt, Step
    from fieldfare.report import Finding, StepReport
    from fieldfare.server import Server

# ================================ Planning: reads the server, changes nothing


@hookspec
def fieldfare_classify(change: Change, live: LiveIndex) -> Claim | None:
    """Say whether this plugin carries out a change.

    When: once per change, while a plan is made; ``live`` has the previous changes of the plan applied.
    Who: any plugin. None means "not mine". Two claims for one change, or none, is an error that names
    the plugins.
    Raises: nothing on purpose; an exception fails planning as a broken plugin.

    Example: ``if isinstance(change, AddField): return Claim.supported()``
    """


@hookspec
def fieldfare_plan_steps(change: Change, claim: Claim, live: LiveIndex) -> Sequence[Step]:  # type: ignore[empty-body]  # a specification
    """Give the steps that carry out a claimed change.

    When: right after the change was claimed as supported; only the claiming plugin is called.
    Who: every plugin that claims. An empty list means that dropping and creating the index is enough;
    None breaks the contract.
    Raises: nothing on purpose.

    Example: ``return [Step.rewrite(kind="acme.redact", fields=["email"])]``
    """


@hookspec
def fieldfare_plan_further_steps(live: LiveIndex) -> Sequence[Step] | None:
    """Give the steps that the changes of other plugins make necessary.

    When: once, when every change is claimed as supported and something changes. ``live.definition`` is the target,
    ``live.snapshot`` the source, ``live.previous_changes`` has all changes.
    Who: any plugin that keeps something under the names of an index or its fields. It owns these steps. None means
    "nothing to do".
    Raises: nothing on purpose.

    Example: ``return [Step.new("acme.rename_settings", Phase.VALIDATE)]``
    """


@hookspec
def fieldfare_estimate(plan: MigrationPlan) -> Estimate | None:
    """Estimate the disk, memory and time that this plugin's steps will need.

    When: when a plan is made, and on ``fieldfare estimate``; may not talk to the server.
    Who: plugins whose steps write. None means "nothing worth a line".
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
    """Try what the execution of a step and its undoing will need: above all, whether the user may run its commands.

    When: before a run or a rollback changes anything. ``run`` has neither keys nor a backup yet.
    Who: the owner of a step that is not a rewrite step, if it sends commands of its own. None always.
    Raises: any ``FieldfareError`` to stop with nothing changed; ``require`` raises ``CommandNotAllowed``.

    Example: ``require(run.server, [("SET", "app:maintenance", "1", "XX")])``
    """


@hookspec
def fieldfare_backup(step: Step, run: Run) -> None:
    """Back up the originals that a step will overwrite.

    When: in the BACKUP phase, before anything on Redis is changed; again from the start after a crash.
    What ``run.save`` wrote is fsynced before the first change.
    Who: the owner of a step that is not a rewrite step. None always.
    Raises: any ``FieldfareError`` to stop the run before anything is changed.

    Example: ``for batch in run.documents(["email"]): run.save(step, batch)``
    """


@hookspec
def fieldfare_transform(step: Step, batch: Batch) -> Batch:  # type: ignore[empty-body]  # a specification
    """Compute new values from original ones. Pure: no I/O, no state, same in, same out.

    When: for each batch of a rewrite step: once as a rehearsal before anything is changed, then for
    real. A batch holds the documents that have at least one of the step's fields. Several threads may
    call at once.
    Who: the owner of the step. None breaks the contract.
    Raises: anything; in the rehearsal that stops the run with the index untouched.

    Example: ``return batch.replace("email", [mask(value) for value in batch["email"]])``
    """


@hookspec
def fieldfare_transform_back(step: Step, batch: Batch) -> Batch | None:
    """Compute values in the old form from values that applications wrote in the new one. Pure, as a transform.

    When: on a rollback of a run in the mode ``shadow``, for documents whose new field an application wrote itself.
    What was converted by the run needs no way back: its original is still there, or in the backup.
    Who: the owner of the step. None means that there is no way back; so does a value of None in the result.
    Raises: anything; the document is then named in the report, and its value is in the backup.

    Example: ``return batch.replace("price", [cents_to_euros(value) for value in batch["price"]])``
    """


@hookspec
def fieldfare_execute_step(step: Step, run: Run) -> Receipt:  # type: ignore[empty-body]  # a specification
    """Carry out a step that is not a rewrite step. MUST be idempotent.

    When: in plan order; again after a crash, where ``run.keys(step)`` continues after the last ``run.done``.
    Who: the owner of the step. None breaks the contract.
    Raises: any exception ends the run, resumable.

    Example: ``run.redis.set("app:maintenance", 1); return Receipt(step.id)``
    """


@hookspec
def fieldfare_verify_step(step: Step, receipt: Receipt | None, run: Run) -> bool:  # type: ignore[empty-body]  # a specification
    """Say whether a step is done. Read-only.

    When: after execution, with its receipt; and after a crash in the middle of it, with None: then True
    means "it is done", False "execute it again". ``run.keys(step)`` gives every key.
    Who: the owner of the step. None breaks the contract.
    Raises: nothing on purpose.

    Example: ``return bool(run.redis.exists("app:maintenance"))``
    """


@hookspec
def fieldfare_undo_step(step: Step, receipt: Receipt | None, run: Run) -> None:
    """Undo a step, from journal and backup alone. MUST be idempotent.

    When: on rollback, in reverse order, for every step that was started; ``receipt`` is None if the
    step never finished, and has no details if it was found done after a crash. ``run.keys(step)`` gives
    every key, after a crash too.
    Who: the owner of the step. None always.
    Raises: any exception ends the rollback, which can be run again.

    Example: ``run.redis.delete("app:maintenance")``
    """


@hookspec
def fieldfare_validate(plan: MigrationPlan, run: Run) -> Sequence[Finding] | None:
    """Check the result of a migration. Read-only.

    When: after the target index is ready, and on ``fieldfare validate``.
    Who: any plugin. None means "nothing to say".
    Raises: nothing on purpose; an exception becomes a failed finding that names the plugin.

    Example: ``return [Finding("acme.greeting", passed=run.redis.exists("greeting") == 1)]``
    """


@hookspec
def fieldfare_step_report(report: StepReport) -> None:
    """Observe a run: a step started, made progress, finished or failed.

    When: at each of these moments.
    Who: observers: a terminal, a log, metrics. None always.
    Raises: an exception is logged and never fails the step.

    Example: ``gauge.set(report.documents_done / report.documents_total)``
    """


@hookspec(firstresult=True)
def fieldfare_move_keys(pairs: Sequence[tuple[bytes, bytes]], run: Run) -> Sequence[bool] | None:
    """Give keys new names on this topology.

    When: called by steps that move keys, a batch at a time; must be idempotent.
    Who: plugins that support a topology. None means "not mine, call the next plugin". The result says for
    each pair whether this call moved the key.
    Raises: any exception ends the run, resumable.

    Example: ``return [run.redis.renamenx(old, new) for old, new in pairs]``
    """


@hookspec
def fieldfare_name_keys(step: Step, keys: Sequence[bytes], back: bool) -> Sequence[bytes]:  # type: ignore[empty-body]  # noqa: FBT001 - a specification, called with keyword arguments
    """Say what keys are called after a step that moves keys, or with ``back`` before it. Pure: no I/O, no state.

    When: in mode ``shadow``, for a step with ``moves_keys``, at any time of a run: there the kernel itself copies
    documents to their new keys, follows what applications write, and removes old keys when the run is finalized.
    Who: the owner of the step. A key that the step does not move keeps its name; no key may be both the old name of
    one document and the new name of another. None breaks the contract.
    Raises: nothing on purpose.

    Example: ``return [key.removeprefix(b"v2:") if back else b"v2:" + key for key in keys]``
    """


# ================================ Comparing indexes


@hookspec(firstresult=True)
def fieldfare_encode_query(
    vector: Sequence[float], index: IndexDefinition, field: Field, server: Server, plan: MigrationPlan | None
) -> bytes | None:
    """Encode a query vector of floats for a vector field.

    When: two indexes are compared by a query with a vector, and the field has an integer datatype or other dims. The
    kernel itself casts floats to floats. ``plan`` is that of the migration which made ``index``, if it is known.
    Who: plugins that change vectors. None means "not mine, call the next plugin".
    Raises: ``UsageError`` if what is needed is unknown; the query then counts as failed, with the message.

    Example: ``return np.asarray(vector[: int(field.attrs["dims"])], "<f4").tobytes()``
    """


# ================================ Examining an index


@hookspec
def fieldfare_examine(index: ExaminedIndex) -> Examiner | None:
    """Give an examiner, which looks at the documents of an index. Read-only.

    When: once on ``fieldfare doctor``, before documents are read. Every examiner then gets each batch, and is asked for
    its findings at the end.
    Who: plugins with checks of documents. None means "nothing to look at".
    Raises: nothing on purpose.

    Example: ``return PlainEmails() if index.definition.find("email") else None``
    """


# ================================ Reports


@hookspec(firstresult=True)
def fieldfare_report_page(document: Mapping[str, Any], path: str) -> str | None:
    """Make an HTML page of a report file that this plugin's commands write.

    When: on ``fieldfare report FILE``, for a file that is neither the report of a run nor a comparison. ``document`` is
    its content, ``path`` the file.
    Who: plugins with reports of their own. None means "not mine, call the next plugin".
    Raises: ``FileError`` if the file is damaged.

    Example: ``return page(document["title"], element("h1", document["title"])) if "acme" in document else None``
    """


# ================================ Command line


@hookspec(historic=True)
def fieldfare_add_commands(app: typer.Typer) -> None:
    """Add commands to ``fieldfare``.

    When: once, when the command line is built; plugins registered later are called too.
    Who: plugins with commands of their own. None always.
    Raises: nothing on purpose; a broken plugin is named and skipped.

    Example: ``app.command("acme-check")(check)``
    """
