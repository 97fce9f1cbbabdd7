"""Whether a run starts, resumes, or is complete already."""

from __future__ import annotations

from datetime import UTC, datetime

from attrs import evolve

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import Progress, RollbackStatus, RunPhase, Status
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.engine.mode import Part
from fieldfare.engine.modes import mode_of
from fieldfare.engine.next_commands import choices_of
from fieldfare.engine.preflight import check_source, require_query_vectors, source_differences
from fieldfare.engine.rehearsal import drop_rehearsals, rehearse_writing
from fieldfare.engine.rights import require_rights
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.session import Session, find_backup
from fieldfare.engine.state import describe_state
from fieldfare.errors import BackupUnusable, IndexNotFound, PreconditionError, StalePlan
from fieldfare.hooks.manager import Plugins
from fieldfare.hooks.run_options import RunOptions
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare.server.index_commands import find_differences
from fieldfare.server.inspect import read_definition
from fieldfare.storage import BackupPath

__all__ = ["is_applied", "open_journal"]


def open_journal(
    server: Server, plugins: Plugins, session: Session, plan: MigrationPlan, options: RunOptions
) -> Journal:
    """Return the journal: of an earlier run that resumes, or of a new one.

    Raises:
        PreconditionError: a condition is not met; nothing was changed.
    """
    earlier = session.load_journal() if session.has_journal else None
    if earlier is not None and _resumes(server, session, earlier, plan):
        if earlier.progress.phase is not RunPhase.VALIDATED:
            _require_rights(server, plugins, plan, options)
        session.store.sync()  # drops a frame that a crash cut short
        # every original is read once before a document is written from it
        session.store.verify(earlier.expected_backup)
        _note_queries(earlier, options)
        if earlier.progress.phase is not RunPhase.VALIDATED and earlier.progress.choices != choices_of(options):
            earlier.update(choices=choices_of(options))
        return earlier
    if earlier is not None and earlier.progress.phase is RunPhase.DUMP:
        drop_rehearsals(server, plan)
    # all checks first: until they pass, the backup of a completed run still serves its rollback
    live = check_source(server, plan)
    _require_rights(server, plugins, plan, options)
    require_query_vectors(server, plugins, plan, options.query_checks)
    mode_of(plan).rehearse(server, plan)
    rehearse_writing(server, plan)
    if earlier is not None and earlier.progress.phase is RunPhase.DUMP and not earlier.progress.steps:
        session.store.reset()
    else:
        session.set_aside()
    progress = Progress(
        RunPhase.DUMP,
        options.batch_size,
        datetime.now(UTC).isoformat(timespec="seconds"),
        live.stats,
        plan_path=str(options.plan_path or ""),
        query_check_file=str(options.query_check_file or ""),
        min_overlap=options.min_overlap,
        choices=choices_of(options),
        server_processes=server.run_ids(),
    )
    journal = Journal(session.header, plan, progress)
    journal.save()
    return journal


def is_applied(server: Server, plan: MigrationPlan, backup_dir: BackupPath) -> bool:
    """Whether a run of this plan is complete, and its target is live: then there is nothing to do."""
    try:
        journal = find_backup(backup_dir, plan.index)
        is_complete = journal.progress.phase is RunPhase.VALIDATED and journal.progress.undo is RollbackStatus.NONE
        return is_complete and journal.belongs_to(plan) and _target_is_live(server, plan)
    except (BackupUnusable, StalePlan):
        return False


def _note_queries(journal: Journal, options: RunOptions) -> None:
    """Write down which queries decide from now on; a target that failed them is not accepted without any.

    Raises:
        PreconditionError: this attempt has no queries, and an earlier one failed its checks.
    """
    if options.query_check_file is not None:
        journal.update(query_check_file=str(options.query_check_file), min_overlap=options.min_overlap)
        return
    rejected = any(each.status is Status.REJECTED for each in journal.progress.steps.values())
    if rejected and journal.progress.query_check_file:
        raise PreconditionError(
            "The new index did not pass its checks, and this command would not check the queries of "
            f"{journal.progress.query_check_file!r} again. Nothing was changed. Give this file, or another one, with "
            "--query-check-file; a file with 'queries: []' checks none"
        )


def _require_rights(server: Server, plugins: Plugins, plan: MigrationPlan, options: RunOptions) -> None:
    run = ActiveRun(server, plan, plugins, options)
    require_rights(run, mode_of(plan).trial_commands(run, Part.RUN))


def _resumes(server: Server, session: Session, journal: Journal, plan: MigrationPlan) -> bool:
    """Whether an earlier run resumes; False if it is complete, or never changed anything."""
    progress = journal.progress
    if progress.undo is RollbackStatus.RUNNING:
        raise BackupUnusable(
            session.header, f"a rollback of this run was started. Complete it first: {session.commands.rollback}"
        )
    if progress.undo is RollbackStatus.DONE or not journal.has_started_steps:
        return False
    if not journal.belongs_to(plan):
        if progress.phase is RunPhase.VALIDATED:
            return False
        raise BackupUnusable(
            session.header,
            f"it belongs to another plan for {plan.index!r}, which stopped when {describe_state(journal)}. "
            f"Complete that one, or roll it back: {session.commands.rollback}",
        )
    if progress.phase is not RunPhase.VALIDATED:
        return True
    try:
        return _target_is_live(server, plan)
    except StalePlan:
        if not server.has_restarted_since(progress.server_processes):
            raise
        journal.update(phase=RunPhase.ACTIVE)  # the server restarted from data of the middle of the run
        return True


def _target_is_live(server: Server, plan: MigrationPlan) -> bool:
    """Whether a completed run's target is still there; False if the source is, after a rollback by hand.

    Raises:
        StalePlan: neither is.
    """
    try:
        others = find_differences(server, evolve(plan.source, definition=plan.target))
        if not (others or find_mismatches(plan.target, read_definition(server, plan.target.name))):
            return True
        found, _ = source_differences(server, plan)
        found = found and (*others, *found)
    except IndexNotFound:
        found = (f"neither {plan.target.name!r} nor {plan.index!r} is there as it should be",)
    if found:
        raise StalePlan(plan.index, found)
    return False
