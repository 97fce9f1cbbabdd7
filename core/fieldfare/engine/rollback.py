"""Roll back a run: undo every step in reverse order, from journal and backup alone."""

from __future__ import annotations

from attrs import evolve
from redis.exceptions import RedisError

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RollbackStatus, Status, StepRecord
from fieldfare.engine.checks.validators import run_validators
from fieldfare.engine.copied_keys import is_copied
from fieldfare.engine.executors import open_workers
from fieldfare.engine.index import make_primaries_agree
from fieldfare.engine.index_workers import restore_index_workers
from fieldfare.engine.mode import Part
from fieldfare.engine.modes import mode_of
from fieldfare.engine.rehearsal import drop_rehearsals
from fieldfare.engine.reopen import reopen_run
from fieldfare.engine.report_builder import make_report
from fieldfare.engine.restore import restore
from fieldfare.engine.retry import with_retries
from fieldfare.engine.rewrite_pass import rewrite_pass
from fieldfare.engine.rights import require_rights
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.run_reports import reported
from fieldfare.engine.server_identity import check_server_identity
from fieldfare.engine.server_restart import reset_after_restart, source_is_restored
from fieldfare.engine.shadow_fields.removal import remove_shadow_fields
from fieldfare.engine.shadow_keys.back_copy import remove_copies
from fieldfare.engine.shadow_paths import has_shadow_fields
from fieldfare.engine.stop import StopRequest, StopRequested
from fieldfare.errors import FieldfareError, Interrupted, RollbackFailed
from fieldfare.hooks.manager import Plugins
from fieldfare.hooks.run_options import RunOptions
from fieldfare.plan import Receipt, Step
from fieldfare.report import Finding, MigrationReport, Result
from fieldfare.report.latency import LatencyHistogram
from fieldfare.server import Server
from fieldfare.storage import BackupPath
from fieldfare.support.error_text import error_text

__all__ = ["rollback"]


def rollback(  # noqa: PLR0913 - what a rollback consists of
    server: Server,
    plugins: Plugins,
    backup_dir: BackupPath,
    *,
    index: str | None = None,
    options: RunOptions | None = None,
    stop: StopRequest | None = None,
) -> MigrationReport:
    """Restore what a run changed: original bytes, original definition, synonyms and aliases.

    Works after success and after a failure at any point, and can itself be interrupted and run again.

    Args:
        server: the server of the index.
        plugins: must hold every plugin that the run's plan names.
        backup_dir: the backup directory of the run.
        index: source or target name; optional if the directory holds one backup.
        options: ``batch_size`` and ``query_checks`` do not matter here.
        stop: set to stop after the current batch.

    Returns:
        The report; its findings compare the index with the source.

    Raises:
        BackupUnusable: no such backup, or it is damaged; nothing was written.
        WrongServer: none of its documents are there; nothing was written.
        CommandNotAllowed: the user lacks a right; nothing was written.
        RollbackFailed: it stopped half-way and can be run again.
        Interrupted: ``stop`` was set.
    """
    with (
        reopen_run(server, plugins, backup_dir, index=index, options=options, stop=stop) as opened,
        open_workers(server, plugins, opened.run.plan, opened.session, opened.run.options) as workers,
    ):
        run, session, warnings = opened.run, opened.session, opened.warnings
        run.options, run.pool = workers.options, workers.pool
        journal, plan = run.journal, run.plan
        mode = mode_of(plan)
        if not journal.progress.steps:
            drop_rehearsals(server, plan)  # of a run that was killed during one
            return make_report(run, session, Result.NOTHING_TO_DO, warnings=warnings)
        if journal.progress.undo is RollbackStatus.DONE and source_is_restored(as_before := mode.as_before(run)):
            if not (run.options.restore_own_name and _left_an_alias(run)):
                findings = run_validators(as_before)  # a failed validation does not pass by being repeated
                return make_report(as_before, session, Result.NOTHING_TO_DO, findings=findings, warnings=warnings)
            steps = {name: evolve(each, status=Status.RUNNING) for name, each in journal.progress.steps.items()}
            journal.progress = evolve(journal.progress, undo=RollbackStatus.NONE, steps=steps)  # saved below
        session.store.sync()  # drops a frame that a crash cut short
        # every original is read once before the first one is restored
        session.store.verify(journal.expected_backup)
        require_rights(run, mode.trial_commands(run, Part.ROLLBACK))
        check_server_identity(run, rollback=session.commands.rollback)
        mode.require_undoable(run)
        if journal.progress.undo is RollbackStatus.NONE:
            # the report is about the rollback
            journal.update(
                undo=RollbackStatus.RUNNING,
                timings={},
                notes=(),
                notes_before=(),
                warnings=(),
                latencies=LatencyHistogram(),
                timeline=journal.progress.timeline.restarted(),
            )
        with reported(run, "rollback"):
            try:
                findings = with_retries(run, lambda: _roll_back(run))
            except StopRequested as request:
                state = "The rollback is half-way."
                raise Interrupted(state, resume=session.commands.rollback) from request
            except (FieldfareError, RedisError, OSError) as error:
                reason = error_text(error)
                raise RollbackFailed(_current_step(journal), reason, rollback=session.commands.rollback) from error
            if _left_an_alias(run):
                warnings = (*warnings, _alias_warning(run, session.commands.rollback))
            return make_report(mode.as_before(run), session, Result.ROLLED_BACK, findings=findings, warnings=warnings)


def _left_an_alias(run: ActiveRun) -> bool:
    """Whether the source's own name leads to an index that a rollback has restored under another name."""
    return run.journal.progress.restored_as not in {"", run.source.name}


def _alias_warning(run: ActiveRun, rollback: str) -> str:
    """Return what a user should know about the source's own name, and how to make it an index again."""
    own, restored = run.source.name, run.journal.progress.restored_as
    return (
        f"{own!r} was an index, and is an alias of {restored!r} now; queries work as before. To make it an index "
        f"again, with an outage until it is built: {rollback} --restore-own-name"
    )


def _roll_back(run: ActiveRun) -> tuple[Finding, ...]:
    """Undo what the journal says is left to undo, and compare the index with the source."""
    restore_index_workers(run)
    reset_after_restart(run)
    mode_of(run.plan).discard_unfinished(run)
    for step in reversed(run.plan.steps):
        _undo(run, step)
    before = mode_of(run.plan).as_before(run)
    make_primaries_agree(before, replaces=run.target)
    findings = tuple(run_validators(before))
    # not before: a server that restarted until then may have lost what was restored
    run.journal.update(undo=RollbackStatus.DONE)
    return findings


def _current_step(journal: Journal) -> str:
    """Return the step that was being undone."""
    left = [
        step.id
        for step in journal.plan.steps
        if (record := journal.record(step.id)) and record.status is not Status.UNDONE
    ]
    return left[-1] if left else "validate"


def _undo(run: ActiveRun, step: Step) -> None:
    record = run.journal.record(step.id)
    if record is None or record.status is Status.UNDONE:
        return
    run.check()  # the process may have been suspended while another one took the lock
    if step.transforms:
        _undo_pass(run)
        return
    mode = mode_of(run.plan)
    changes = mode.on_undo_start(run, step)
    if changes:
        run.journal.update(**changes)
    with run.activity(mode.undo_activity(step), f"Undo: {step.summary}", step=step.id):
        if is_copied(run.plan, step):
            remove_copies(run)
        else:
            _undo_by_owner(run, step, record)
    run.journal.mark(step.id, StepRecord(Status.UNDONE), **mode.on_undone(run, step))


def _undo_by_owner(run: ActiveRun, step: Step, record: StepRecord) -> None:
    run.plugins.call_required(step.owner, "fieldfare_undo_step", type(None), step=step, receipt=record.receipt, run=run)


def _undo_pass(run: ActiveRun) -> None:
    work = rewrite_pass(run.plan)
    title = "Remove shadow fields" if has_shadow_fields(run.plan) else "Restore originals"
    with run.activity("restore", title, step=work.steps[0].id, total=run.journal.progress.documents):
        written = remove_shadow_fields(run) if has_shadow_fields(run.plan) else restore(run, work)
    undone = {
        step.id: StepRecord(Status.UNDONE, documents=written, receipt=Receipt(step.id, documents=written))
        for step in work.steps
    }
    run.journal.update(steps={**run.journal.progress.steps, **undone})
