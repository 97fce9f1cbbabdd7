"""Finalize a run: remove what its switch has left behind."""

from __future__ import annotations

from redis.exceptions import RedisError

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RollbackStatus, RunPhase, Status
from fieldfare.engine.mode import Part
from fieldfare.engine.modes import mode_of
from fieldfare.engine.reopen import reopen_run
from fieldfare.engine.report_builder import make_report
from fieldfare.engine.retry import with_retries
from fieldfare.engine.rights import require_rights
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.run_reports import reported
from fieldfare.engine.server_identity import check_server_identity
from fieldfare.engine.server_restart import reset_after_restart
from fieldfare.engine.session import Session, recorded_commands
from fieldfare.engine.state import describe_state
from fieldfare.engine.step_execution import execute_step
from fieldfare.engine.stop import StopRequest, StopRequested
from fieldfare.errors import FieldfareError, Interrupted, PreconditionError, StepFailed
from fieldfare.hooks.manager import Plugins
from fieldfare.hooks.run_options import RunOptions
from fieldfare.plan import Phase
from fieldfare.report import Finding, MigrationReport, Result
from fieldfare.server import Server
from fieldfare.storage import BackupPath
from fieldfare.support.error_text import error_text

__all__ = ["finalize"]


def finalize(  # noqa: PLR0913 - as for a rollback
    server: Server,
    plugins: Plugins,
    backup_dir: BackupPath,
    *,
    index: str | None = None,
    options: RunOptions | None = None,
    stop: StopRequest | None = None,
) -> MigrationReport:
    """Drop what a switch has superseded. Documents stay, and so does the backup: a rollback builds the source again.

    Args:
        server: the server of the index.
        plugins: must hold every plugin that the run's plan names.
        backup_dir: the backup directory of the run.
        index: a name of its index; optional if the directory holds one backup.
        options: the options of the run.
        stop: set to stop before the next step.

    Returns:
        The report.

    Raises:
        BackupUnusable: no such backup, or it is damaged.
        PreconditionError: the run is not complete, or was rolled back; nothing was changed.
        StepFailed: it failed, and can be run again.
        Interrupted: ``stop`` was set.
    """
    with reopen_run(server, plugins, backup_dir, index=index, options=options, stop=stop) as opened:
        run, session, warnings = opened.run, opened.session, opened.warnings
        journal = run.journal
        _require_complete(journal, session)
        if _is_finalized(journal):
            return make_report(run, session, Result.NOTHING_TO_DO, warnings=warnings)
        session.store.sync()
        require_rights(run, mode_of(run.plan).trial_commands(run, Part.FINALIZE))
        check_server_identity(run, rollback=session.commands.rollback)
        if not _has_begun(journal):
            mode_of(run.plan).require_finalizable(run)
        with reported(run, "finalize"):
            try:
                findings = with_retries(run, lambda: _carry_out(run))
                journal.update(phase=RunPhase.VALIDATED)
            except StopRequested as request:
                state = describe_state(journal).capitalize() + "."
                commands = session.commands
                raise Interrupted(state, resume=commands.finalize, rollback=commands.rollback) from request
            except (FieldfareError, RedisError, OSError) as error:
                commands = session.commands
                steps = [step.id for step in run.plan.steps if step.phase is Phase.CONTRACT]
                raise StepFailed(
                    steps[0],
                    describe_state(journal),
                    error_text(error),
                    resume=commands.finalize,
                    rollback=commands.rollback,
                ) from error
            return make_report(run, session, Result.SUCCEEDED, findings=findings, warnings=warnings)


def _require_complete(journal: Journal, session: Session) -> None:
    if not any(step.phase is Phase.CONTRACT for step in journal.plan.steps):
        raise PreconditionError(
            f"A migration with the mode {journal.plan.mode} leaves nothing to finalize. Nothing was changed."
        )
    progress = journal.progress
    if progress.undo is not RollbackStatus.NONE:
        raise PreconditionError(f"Nothing was changed: {describe_state(journal)}.")
    if not is_complete(journal):
        commands = recorded_commands(journal, session.commands.backup_dir)
        first = commands.switch if mode_of(journal.plan).state(journal) == "validated" else commands.resume
        raise PreconditionError(
            f"The migration is not complete: {describe_state(journal)}. Nothing was changed. First run: {first}"
        )


def is_complete(journal: Journal) -> bool:
    """Whether a run got so far that it can be finalized, or that finalizing it has begun."""
    return journal.progress.phase is RunPhase.VALIDATED or _has_begun(journal)


def _has_begun(journal: Journal) -> bool:
    return any(journal.record(step.id) for step in journal.plan.steps if step.phase is Phase.CONTRACT)


def _is_finalized(journal: Journal) -> bool:
    records = [journal.record(step.id) for step in journal.plan.steps if step.phase is Phase.CONTRACT]
    return all(record is not None and record.status is Status.DONE for record in records)


def _carry_out(run: ActiveRun) -> tuple[Finding, ...]:
    """Do what the journal says is left; steps that a restarted server may have lost are looked at again."""
    reset_after_restart(run)
    with mode_of(run.plan).during(run):
        for step in run.plan.steps:
            execute_step(run, step)
    return tuple(mode_of(run.plan).validate(run))
