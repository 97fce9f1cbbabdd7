"""Carrying out the steps of a plan: each is recorded before and after, and verified."""

from __future__ import annotations

from attrs import evolve

from fieldfare.backup.progress import RunPhase, Status, StepRecord
from fieldfare.engine.copied_keys import is_copied
from fieldfare.engine.modes import mode_of
from fieldfare.engine.rewrite import rewrite, verify
from fieldfare.engine.rewrite_pass import RewritePass, rewrite_pass
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_paths import has_shadow_fields
from fieldfare.errors import RunFailed
from fieldfare.plan import Phase, Receipt, Step

__all__ = ["execute_step"]


def execute_step(run: ActiveRun, step: Step) -> None:
    """Do what the journal says is left of a step; all rewrite steps together, when the first one comes.

    Raises:
        RunFailed: it ran, and is not done.
        BaseException: what stopped it.
    """
    run.check()  # the process may have been suspended while another one took the lock
    if step.transforms:
        work = rewrite_pass(run.plan)
        if step is work.steps[0]:
            _run_pass(run, work)
        return
    mode = mode_of(run.plan)
    record = run.journal.record(step.id)
    if record is not None and record.status is Status.DONE and not mode.was_reverted(run, step):
        run.skipped(step)
        return
    if record is not None and record.status is Status.RUNNING and _verified(run, step, record.receipt):
        _finish(run, step, record.receipt or Receipt(step.id))
        return
    changes = dict(mode.on_start(step))
    if step.phase is Phase.REWRITE:
        changes["phase"] = RunPhase.ACTIVE
    record = evolve(record or StepRecord(Status.RUNNING), status=Status.RUNNING, receipt=None)
    run.journal.mark(step.id, record, **changes)
    total = run.journal.progress.documents if is_copied(run.plan, step) else 0
    with run.activity(mode.activity(step), step.summary, step=step.id, total=total):
        with run.executing(step):
            receipt = _executed(run, step)
        # with what was noted and counted, for a crash while it is verified
        run.journal.mark(step.id, evolve(run.journal.progress.steps[step.id], receipt=receipt))
        if not _verified(run, step, receipt):
            raise RunFailed(f"{step.summary}: the step ran, and its plugin {step.owner!r} finds that it is not done")
    _finish(run, step, receipt)


def _executed(run: ActiveRun, step: Step) -> Receipt:
    if is_copied(run.plan, step):
        from fieldfare.engine.shadow.convergence import switch_has_begun  # noqa: PLC0415 - start-up time
        from fieldfare.engine.shadow_keys.copying import copy_documents  # noqa: PLC0415 - start-up time

        return copy_documents(run, step, is_switched=switch_has_begun(run))
    receipt: Receipt = run.plugins.call_required(step.owner, "fieldfare_execute_step", Receipt, step=step, run=run)
    return receipt


def _verified(run: ActiveRun, step: Step, receipt: Receipt | None) -> bool:
    if is_copied(run.plan, step):
        from fieldfare.engine.shadow.convergence import switch_has_begun  # noqa: PLC0415 - start-up time
        from fieldfare.engine.shadow_keys.copying import has_copies  # noqa: PLC0415 - start-up time

        return receipt is not None and has_copies(run, step, is_switched=switch_has_begun(run))
    return bool(
        run.plugins.call_required(step.owner, "fieldfare_verify_step", bool, step=step, receipt=receipt, run=run)
    )


def _finish(run: ActiveRun, step: Step, receipt: Receipt) -> None:
    changes = dict(mode_of(run.plan).on_done(run, step))
    rewrites = [each for each in run.plan.steps if each.phase is Phase.REWRITE]
    if rewrites and step is rewrites[-1]:
        changes["phase"] = RunPhase.COMPLETED
    record = run.journal.record(step.id) or StepRecord(Status.RUNNING)
    run.journal.mark(step.id, evolve(record, status=Status.DONE, receipt=receipt), **changes)


def _run_pass(run: ActiveRun, work: RewritePass) -> None:
    records = [run.journal.record(step.id) for step in work.steps]
    if all(record is not None and record.status is Status.DONE for record in records):
        for step in work.steps:
            run.skipped(step)
        return
    shards = run.store.shards
    fresh = StepRecord(Status.RUNNING, shards=(0,) * len(shards) if len(shards) > 1 else ())
    begun = {step.id: record or fresh for step, record in zip(work.steps, records, strict=True)}
    run.journal.update(steps={**run.journal.progress.steps, **begun}, phase=RunPhase.ACTIVE)
    batches = min(record.completed_batches for record in begun.values())
    done = min(batches * run.journal.progress.batch_size, run.journal.progress.documents)
    title = "; ".join(step.summary for step in work.steps)
    with run.activity("rewrite", title, step=work.steps[0].id, total=run.journal.progress.documents):
        run.report_done(done)
        if has_shadow_fields(run.plan):
            from fieldfare.engine.shadow.convergence import fill_before_switch  # noqa: PLC0415 - start-up time

            receipts, is_done = fill_before_switch(run, work)
        else:
            mode_of(run.plan).before_rewrite(run)
            receipts = rewrite(run, work)
            is_done = verify(run, work)
        if not is_done:
            raise RunFailed("documents still have values that were to be replaced")
    steps = run.journal.progress.steps
    finished = {each.step: evolve(steps[each.step], status=Status.DONE, receipt=each) for each in receipts}
    run.journal.update(steps={**steps, **finished}, phase=RunPhase.COMPLETED)
