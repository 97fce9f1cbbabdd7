"""Apply a plan, or resume it: capture, back up, every step in order, validate."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

from redis.exceptions import RedisError

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RunPhase, Status
from fieldfare.engine.capture import capture
from fieldfare.engine.concurrent.catch_up import catch_up
from fieldfare.engine.concurrent.followed_changes import follow_changes
from fieldfare.engine.executors import open_workers
from fieldfare.engine.index_workers import require_known_cores, restore_index_workers
from fieldfare.engine.modes import mode_of
from fieldfare.engine.plan_check import check_plan
from fieldfare.engine.preflight import refuse_replica, require_comparable
from fieldfare.engine.report_builder import lasting_warnings, make_report
from fieldfare.engine.resume import open_journal
from fieldfare.engine.retry import with_retries
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.run_reports import reported
from fieldfare.engine.server_identity import check_server_identity
from fieldfare.engine.server_restart import reset_after_restart
from fieldfare.engine.session import Session, open_session
from fieldfare.engine.state import describe_state
from fieldfare.engine.step_execution import execute_step
from fieldfare.engine.stop import StopRequest, StopRequested
from fieldfare.errors import (
    BackupUnusable,
    ChangeBlocked,
    FieldfareError,
    Interrupted,
    LockHeld,
    RunFailed,
    StepFailed,
    TargetRejected,
    ValidationFailed,
)
from fieldfare.hooks.manager import Plugins
from fieldfare.hooks.run_options import RunOptions
from fieldfare.plan import MigrationPlan, Phase
from fieldfare.report import Finding, MigrationReport, Result
from fieldfare.server import Server
from fieldfare.storage import BackupPath
from fieldfare.support.error_text import error_text

__all__ = ["apply"]


def apply(  # noqa: PLR0913 - what a run consists of
    server: Server,
    plugins: Plugins,
    plan: MigrationPlan,
    backup_dir: BackupPath,
    *,
    options: RunOptions | None = None,
    stop: StopRequest | None = None,
) -> MigrationReport:
    """Carry out a plan; resume it if an earlier run was interrupted.

    Args:
        server: the server of the index.
        plugins: must hold every plugin that the plan names.
        plan: what to do.
        backup_dir: created if it is not there.
        options: the user's choices.
        stop: set to stop after the current batch.

    Returns:
        The report of a run that succeeded, or that found nothing to do.

    Raises:
        PreconditionError: a condition is not met; nothing was changed.
        PluginError: a plugin is missing or broken.
        RunFailed: reading failed; nothing was changed.
        MigrationIncomplete: it failed part-way; ``report`` tells how far it came.
        Interrupted: ``stop`` was set.
    """
    options = options or RunOptions()
    warnings = (*plan.warnings, *plugins.require(plan.plugins))
    plugins.raise_if_broken()
    if not plan.supported:
        raise ChangeBlocked(plan.blocked_reasons)
    check_plan(plan)
    require_comparable(plan, options.query_checks)
    refuse_replica(server)
    require_known_cores(server, options)
    started = time.monotonic()
    with (
        open_session(server, plan.index, backup_dir, options) as session,
        open_workers(server, plugins, plan, session, options) as workers,
    ):
        options = workers.options
        journal = open_journal(server, plugins, session, plan, options)
        journal.count_time_since(started)
        run = ActiveRun(
            server,
            plan,
            plugins,
            options,
            journal=journal,
            store=session.store,
            stop=StopRequest() if stop is None else stop,
            lock=session.lock,
            pool=workers.pool,
        )  # the journal's batch size rules a resumed run
        if journal.progress.phase is RunPhase.VALIDATED or not plan.steps:
            return make_report(run, session, Result.NOTHING_TO_DO, warnings=lasting_warnings(plan, warnings))
        check_server_identity(run, rollback=session.commands.rollback)
        with reported(run, "apply"):
            return _run(run, session, warnings)


def _run(run: ActiveRun, session: Session, warnings: Sequence[str]) -> MigrationReport:
    """Carry out the plan, validate, and make the report."""
    plan, journal = run.plan, run.journal
    try:
        findings = with_retries(run, lambda: _carry_out(run))
        if is_complete(journal) and not any(finding.fatal for finding in findings):
            journal.update(phase=RunPhase.VALIDATED)
    except TargetRejected as rejected:
        rejected.report = make_report(
            run, session, Result.FAILED, findings=run.findings, warnings=warnings, error=str(rejected)
        )
        raise
    except StopRequested as request:
        raise _interrupted(run, session) from request
    except (FieldfareError, RedisError, OSError) as error:
        failure = _failure(run, session, error)
        if failure is error:
            raise  # with its own cause
        raise failure from error
    if any(finding.fatal for finding in findings):
        problems = [f"{finding.name}: {finding.detail}" for finding in findings if finding.fatal]
        commands = session.commands
        failed = ValidationFailed(problems, resume=commands.resume, rollback=commands.rollback)
        failed.report = make_report(
            run, session, Result.FAILED, findings=findings, warnings=warnings, error=str(failed)
        )
        raise failed
    return make_report(run, session, Result.SUCCEEDED, findings=findings, warnings=lasting_warnings(plan, warnings))


def _carry_out(run: ActiveRun) -> tuple[Finding, ...]:
    """Do what the journal says is left to do."""
    restore_index_workers(run)
    reset_after_restart(run)
    mode_of(run.plan).discard_unfinished(run)
    with follow_changes(run):
        with mode_of(run.plan).during(run):
            if run.journal.progress.phase is RunPhase.DUMP:
                capture(run)
            check_all = run.journal.progress.phase is RunPhase.TARGET_CREATED
            for step in run.plan.steps:
                if step.phase is not Phase.CONTRACT and (run.options.switch or step.phase is not Phase.SWITCH):
                    execute_step(run, step)
        catch_up(run, check_all=check_all)
    return tuple(mode_of(run.plan).validate(run))


def is_complete(journal: Journal) -> bool:
    """Whether every step is done, but for those that wait for ``finalize``."""
    records = [journal.record(step.id) for step in journal.plan.steps if step.phase is not Phase.CONTRACT]
    return all(record is not None and record.status is Status.DONE for record in records)


def _interrupted(run: ActiveRun, session: Session) -> Interrupted:
    _save(run)
    state = describe_state(run.journal).capitalize() + "."
    back = session.commands.rollback if run.journal.has_started_steps else None
    return Interrupted(state, resume=session.commands.resume, rollback=back)


def _failure(run: ActiveRun, session: Session, error: Exception) -> Exception:
    """Return what to raise: the error itself while nothing was changed, else one that names the next commands."""
    _save(run)
    if not run.journal.has_started_steps:
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
    failed.report = make_report(run, session, Result.FAILED, error=str(failed))
    return failed


def _save(run: ActiveRun) -> None:
    # if the disk refuses, the last saved state is good enough: fewer batches are counted
    with suppress(BackupUnusable, LockHeld):
        run.journal.save()


def _reason(error: Exception) -> str:
    return error_text(error)
