"""Putting everything back: every step undone in reverse order, from journal and backup alone."""

from __future__ import annotations

import time
from pathlib import Path

from attrs import evolve
from redis.exceptions import RedisError

from fieldfare.engine.distrust import distrust, source_is_back
from fieldfare.engine.options import Options
from fieldfare.engine.outcome import make_report
from fieldfare.engine.patience import patiently
from fieldfare.engine.recognition import refuse_another_server
from fieldfare.engine.restore import restore
from fieldfare.engine.rewrite_pass import rewrite_pass
from fieldfare.engine.run import Run, StopRequested
from fieldfare.engine.session import find_backup, open_session
from fieldfare.engine.stop import StopRequest
from fieldfare.engine.validate import validate
from fieldfare.errors import FieldfareError, Interrupted, RollbackFailed
from fieldfare.findings import Finding
from fieldfare.journal import Journal, Status, StepRecord, Undo
from fieldfare.plan import Receipt, Step
from fieldfare.plugins import Plugins
from fieldfare.report import MigrationReport, Result
from fieldfare.server import Server

__all__ = ["rollback"]


def rollback(  # noqa: PLR0913 - what a rollback consists of
    server: Server,
    plugins: Plugins,
    backup_dir: Path,
    *,
    index: str | None = None,
    options: Options | None = None,
    stop: StopRequest | None = None,
) -> MigrationReport:
    """Put back what a run changed: original bytes, original definition, synonyms and aliases.

    Works after success and after a failure at any point, and can itself be interrupted and run again.

    Args:
        server: where the index lives.
        plugins: must hold every plugin that the run's plan names.
        backup_dir: of the run.
        index: source or target name; may be left out if the directory holds one backup.
        options: ``batch_size`` and ``query_checks`` do not matter here.
        stop: set to stop after the current batch.

    Returns:
        The report; its findings compare the index with what it was.

    Raises:
        BackupUnusable: no such backup, or it is damaged; nothing was written.
        WrongServer: none of its documents are there; nothing was written.
        RollbackFailed: it stopped half-way and can be run again.
        Interrupted: ``stop`` was set.
    """
    options = options or Options()
    plugins.require_sound()
    started = time.monotonic()
    name = find_backup(backup_dir, index).plan.index
    with open_session(server, name, backup_dir, options, create=False) as session:
        journal = session.load_journal()
        plan = journal.plan
        warnings = plugins.require(plan.plugins)
        run = Run(
            server,
            plan,
            plugins,
            options,
            StopRequest() if stop is None else stop,
            journal,
            session.store,
            session.lock,
        )
        if (journal.progress.undo is Undo.DONE and source_is_back(run)) or not journal.progress.steps:
            return make_report(run, session, Result.NOTHING_TO_DO, started, warnings=warnings)
        # every original is read once before the first is written back
        if journal.progress.undo is not Undo.NONE:
            session.store.sync()  # drops what a crash cut short when values found were kept
        session.store.verify(journal.expected_backup)
        refuse_another_server(run, rollback=session.commands.rollback)
        if journal.progress.undo is Undo.NONE:
            # the report is about the rollback
            journal.update(undo=Undo.RUNNING, timings={}, notes=(), notes_before=())
        was = evolve(run, plan=evolve(plan, target=plan.source.definition, claims=()))
        try:
            findings = patiently(run, lambda: _put_back(run, was))
        except StopRequested as request:
            state = "The rollback is half-way."
            raise Interrupted(state, resume=session.commands.rollback) from request
        except (FieldfareError, RedisError, OSError) as error:
            reason = str(error).rstrip(".") or type(error).__name__
            raise RollbackFailed(_where(journal), reason, rollback=session.commands.rollback) from error
        return make_report(was, session, Result.ROLLED_BACK, started, findings=findings, warnings=warnings)


def _put_back(run: Run, was: Run) -> tuple[Finding, ...]:
    """Undo what the journal says is left to undo, and compare the index with what it was."""
    distrust(run)
    for step in reversed(run.plan.steps):
        _undo(run, step)
    findings = validate(was)
    # not before: a server that was started anew until then may have forgotten what was put back
    run.journal.update(undo=Undo.DONE)
    return findings


def _where(journal: Journal) -> str:
    """Return the step that was being undone, the first one that is not."""
    left = [
        step.id
        for step in journal.plan.steps
        if (record := journal.record(step.id)) and record.status is not Status.UNDONE
    ]
    return left[-1] if left else "validate"


def _undo(run: Run, step: Step) -> None:
    record = run.journal.record(step.id)
    if record is None or record.status is Status.UNDONE:
        return
    run.check()  # the process may have stood still while somebody else took the lock
    if step.transforms:
        _undo_pass(run)
        return
    if step.kind == "index.create" and record.status is Status.DONE:
        run.journal.update(dropped_at=time.time())  # until now the target was there
    with run.activity("create" if step.kind == "index.drop" else step.kind, f"Undo: {step.summary}", step=step.id):
        run.plugins.demand(step.owner, "fieldfare_undo_step", type(None), step=step, receipt=record.receipt, run=run)
    if step.kind == "index.drop" and run.journal.progress.dropped_at is not None:
        run.time("downtime", time.time() - run.journal.progress.dropped_at)
    run.journal.mark(step.id, StepRecord(Status.UNDONE))


def _undo_pass(run: Run) -> None:
    work = rewrite_pass(run.plan)
    with run.activity("restore", "Restore originals", step=work.steps[0].id, total=run.journal.progress.documents):
        written = restore(run, work)
    undone = {
        step.id: StepRecord(Status.UNDONE, documents=written, receipt=Receipt(step.id, documents=written))
        for step in work.steps
    }
    run.journal.update(steps={**run.journal.progress.steps, **undone})
