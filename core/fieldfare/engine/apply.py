"""Carrying out a plan, or going on with it: capture, back up, then every step in order."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from attrs import evolve
from redis.exceptions import RedisError

from fieldfare.definition import IndexStats
from fieldfare.engine.catch_up import catch_up
from fieldfare.engine.distrust import distrust
from fieldfare.engine.opening import open_journal
from fieldfare.engine.options import Options
from fieldfare.engine.outcome import make_report
from fieldfare.engine.patience import patiently
from fieldfare.engine.preflight import check_plan
from fieldfare.engine.recognition import refuse_another_server
from fieldfare.engine.rewrite import dump, refuse_unfit, rewrite, verify
from fieldfare.engine.rewrite_pass import RewritePass, rewrite_pass
from fieldfare.engine.run import Run, StopRequested
from fieldfare.engine.session import Session, open_session
from fieldfare.engine.state import describe_state
from fieldfare.engine.stop import StopRequest
from fieldfare.engine.validate import validate
from fieldfare.errors import (
    BackupUnusable,
    ChangeBlocked,
    FieldfareError,
    Interrupted,
    RunFailed,
    StepFailed,
    ValidationFailed,
)
from fieldfare.findings import Finding
from fieldfare.journal import RunPhase, Status, StepRecord
from fieldfare.plan import MigrationPlan, Phase, Receipt, Step
from fieldfare.plugins import BUILTIN, Plugins
from fieldfare.report import MigrationReport, Result
from fieldfare.server import Server
from fieldfare.server.keys import iterate_keys

__all__ = ["apply"]


ACTIVITIES: Final = {"index.drop": "drop", "index.create": "create"}


def apply(  # noqa: PLR0913 - what a run consists of
    server: Server,
    plugins: Plugins,
    plan: MigrationPlan,
    backup_dir: Path,
    *,
    options: Options | None = None,
    stop: StopRequest | None = None,
) -> MigrationReport:
    """Carry out a plan; go on with it if an earlier run was interrupted.

    Args:
        server: where the index lives.
        plugins: must hold every plugin that the plan names.
        plan: what to do.
        backup_dir: created if it is not there.
        options: the user's choices.
        stop: set to stop after the current batch.

    Returns:
        The report of a run that succeeded, or that found nothing to do.

    Raises:
        PreconditionError: something stands in the way; nothing was changed.
        PluginError: a plugin is missing or broken.
        RunFailed: reading failed; nothing was changed.
        MigrationIncomplete: it failed part-way; ``report`` tells how far it came.
        Interrupted: ``stop`` was set.
    """
    options = options or Options()
    warnings = (*plan.warnings, *plugins.require(plan.plugins))
    plugins.require_sound()
    if not plan.supported:
        raise ChangeBlocked(plan.blocked_reasons)
    check_plan(plan)
    started = time.monotonic()
    with open_session(server, plan.index, backup_dir, options) as session:
        journal = open_journal(server, session, plan, options)
        run = Run(
            server,
            plan,
            plugins,
            options,
            StopRequest() if stop is None else stop,
            journal,
            session.store,
            session.lock,
        )  # the journal's batch size rules a resumed run
        if journal.progress.phase is RunPhase.VALIDATED or not plan.steps:
            return make_report(run, session, Result.NOTHING_TO_DO, started, warnings=warnings)
        refuse_another_server(run, rollback=session.commands.rollback)
        try:
            findings = patiently(run, lambda: _carry_out(run))
            if not any(finding.fatal for finding in findings):
                journal.update(phase=RunPhase.VALIDATED)
        except StopRequested as request:
            raise _interrupted(run, session) from request
        except (FieldfareError, RedisError, OSError) as error:
            raise _failure(run, session, error, started) from error
        if any(finding.fatal for finding in findings):
            problems = [f"{finding.name}: {finding.detail}" for finding in findings if finding.fatal]
            commands = session.commands
            failed = ValidationFailed(problems, resume=commands.resume, rollback=commands.rollback)
            failed.report = make_report(
                run, session, Result.FAILED, started, findings=findings, warnings=warnings, error=str(failed)
            )
            raise failed
        return make_report(run, session, Result.SUCCEEDED, started, findings=findings, warnings=warnings)


def _carry_out(run: Run) -> tuple[Finding, ...]:
    """Do what the journal says is left to do."""
    distrust(run)
    if run.journal.progress.phase is RunPhase.DUMP:
        _capture_and_back_up(run)
    again = run.journal.progress.phase is RunPhase.TARGET_CREATED
    for step in run.plan.steps:
        _run_step(run, step)
    catch_up(run, again=again)
    return validate(run)


def _capture_and_back_up(run: Run) -> None:
    """Write down all keys and all originals, and make them durable. Only reads from Redis."""
    if not run.store.is_empty:  # the server was away in the middle of an earlier attempt
        run.store.reset()
        run.journal.progress = evolve(run.journal.progress, dump_completed_batches=0, notes=())
    stats: IndexStats = run.journal.progress.source_stats
    work = rewrite_pass(run.plan)
    if any(step.owner not in BUILTIN for step in run.plan.steps):
        with run.activity("enumerate", "Enumerate keys", total=stats.num_docs):
            for keys in iterate_keys(run.server, run.source, stats, run.options.batch_size):
                run.store.append_keys(keys)
                run.advance(len(keys))
            run.store.seal()
    if work.steps:
        with run.activity("dump", "Back up originals", total=run.store.key_count):
            dump(run, work)
    for step in run.plan.steps:
        if not step.transforms and step.owner in run.plugins.implementers("fieldfare_backup"):
            with run.activity("dump", f"Back up for {step.summary}", step=step.id, total=run.store.key_count):
                run.plugins.ask(step.owner, "fieldfare_backup", step=step, run=run)
    refuse_unfit(run)
    # the barrier: nothing on Redis changes before this is on disk
    run.store.sync()
    saved = {tag: run.store.count(tag) for tag in run.store.tags}
    run.journal.update(
        phase=RunPhase.READY,
        documents=run.store.key_count,
        saved_batches=saved,
        saved_digest=run.store.digest(saved),
        notes_before=run.journal.progress.notes,
    )


def _run_step(run: Run, step: Step) -> None:
    run.check()  # the process may have stood still while somebody else took the lock
    if step.transforms:
        work = rewrite_pass(run.plan)
        if step is work.steps[0]:
            _run_pass(run, work)
        return
    record = run.journal.record(step.id)
    if record is not None and record.status is Status.DONE and not _came_back(run, step):
        run.skipped(step)
        return
    if record is not None and record.status is Status.RUNNING and _verified(run, step, record.receipt):
        _finish(run, step, record.receipt or Receipt(step.id))
        return
    begun: dict[str, Any] = {}
    if step.kind == "index.drop":
        begun = {"dropped_at": time.time()}
    elif step.phase is Phase.REWRITE:
        begun = {"phase": RunPhase.ACTIVE}
    record = evolve(record or StepRecord(Status.RUNNING), status=Status.RUNNING, receipt=None)
    run.journal.mark(step.id, record, **begun)
    with run.activity(ACTIVITIES.get(step.kind, step.kind), step.summary, step=step.id):
        with run.executing(step):
            receipt = run.plugins.demand(step.owner, "fieldfare_execute_step", Receipt, step=step, run=run)
        # with what was noted and counted, for a crash while it is verified
        run.journal.mark(step.id, evolve(run.journal.progress.steps[step.id], receipt=receipt))
        if not _verified(run, step, receipt):
            raise RunFailed(f"{step.summary}: the step ran, and its plugin {step.owner!r} finds that it is not done")
    _finish(run, step, receipt)


def _verified(run: Run, step: Step, receipt: Receipt | None) -> bool:
    return bool(run.plugins.demand(step.owner, "fieldfare_verify_step", bool, step=step, receipt=receipt, run=run))


def _came_back(run: Run, step: Step) -> bool:
    """Whether a dropped index is there again, before the target is: after a failover, or a restart of Redis."""
    if step.kind != "index.drop" or any(run.journal.record(each.id) for each in run.plan.steps if _creates(each)):
        return False
    return not _verified(run, step, None)


def _creates(step: Step) -> bool:
    return step.kind == "index.create"


def _finish(run: Run, step: Step, receipt: Receipt) -> None:
    phase = run.journal.progress.phase
    rewrites = [each for each in run.plan.steps if each.phase is Phase.REWRITE]
    if step.kind == "index.drop":
        phase = RunPhase.INDEX_DROPPED
    elif _creates(step):
        phase = RunPhase.TARGET_CREATED
    elif rewrites and step is rewrites[-1]:
        phase = RunPhase.COMPLETED
    record = run.journal.record(step.id) or StepRecord(Status.RUNNING)
    if _creates(step) and run.journal.progress.dropped_at is not None:
        run.time("downtime", time.time() - run.journal.progress.dropped_at)
    run.journal.mark(step.id, evolve(record, status=Status.DONE, receipt=receipt), phase=phase)


def _run_pass(run: Run, work: RewritePass) -> None:
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
        run.advance(done)
        receipts = rewrite(run, work)
        if not verify(run, work):
            raise RunFailed("documents still have values that were to be replaced")
    steps = run.journal.progress.steps
    finished = {each.step: evolve(steps[each.step], status=Status.DONE, receipt=each) for each in receipts}
    run.journal.update(steps={**steps, **finished}, phase=RunPhase.COMPLETED)


def _interrupted(run: Run, session: Session) -> Interrupted:
    _save(run)
    state = describe_state(run.journal).capitalize() + "."
    back = session.commands.rollback if run.journal.changed_something else None
    return Interrupted(state, resume=session.commands.resume, rollback=back)


def _failure(run: Run, session: Session, error: Exception, started: float) -> Exception:
    """Return what to raise: the error itself while nothing was changed, else one that names the way on."""
    _save(run)
    if not run.journal.changed_something:
        return error if isinstance(error, FieldfareError) else RunFailed(_reason(error))
    running = [name for name, record in run.journal.progress.steps.items() if record.status is Status.RUNNING]
    commands = session.commands
    failed = StepFailed(
        running[-1] if running else "validate",
        describe_state(run.journal),
        _reason(error),
        resume=commands.resume,
        rollback=commands.rollback,
    )
    failed.report = make_report(run, session, Result.FAILED, started, error=str(failed))
    return failed


def _save(run: Run) -> None:
    # where the disk is the trouble, the last state on it serves: batches are only counted less far
    with suppress(BackupUnusable):
        run.journal.save()


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
