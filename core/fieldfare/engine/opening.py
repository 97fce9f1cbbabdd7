"""Whether a run begins, goes on, or is over already."""

from __future__ import annotations

from datetime import UTC, datetime

from fieldfare.definition.compare import differences
from fieldfare.engine.options import Options
from fieldfare.engine.preflight import check_source, rehearse_definitions, rehearse_writing, source_differences
from fieldfare.engine.session import Session
from fieldfare.engine.state import describe_state
from fieldfare.errors import BackupUnusable, IndexNotFound, StalePlan
from fieldfare.journal import Journal, Progress, RunPhase, Undo
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare.server.inspect import read_definition

__all__ = ["open_journal"]


def open_journal(server: Server, session: Session, plan: MigrationPlan, options: Options) -> Journal:
    """Return the journal: of an earlier run that goes on, or of one that starts from the beginning."""
    earlier = session.load_journal() if session.has_journal else None
    if earlier is not None and _kept(server, session, earlier, plan):
        # every original is read once before a document is written from it
        session.store.verify(earlier.expected_backup)
        return earlier
    # all that can stand in the way first: the backup of a run that is over serves its rollback until then
    live = check_source(server, plan)
    rehearse_definitions(server, plan)
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
        server_processes=server.processes(),
    )
    journal = Journal(session.header, plan, progress)
    journal.save()
    return journal


def _kept(server: Server, session: Session, journal: Journal, plan: MigrationPlan) -> bool:
    """Whether an earlier run goes on; False if it is over, or never changed anything."""
    progress = journal.progress
    if progress.undo is Undo.RUNNING:
        raise BackupUnusable(
            session.header, f"a rollback of this run was begun. Finish it first: {session.commands.rollback}"
        )
    if progress.undo is Undo.DONE or not journal.changed_something:
        return False
    if not journal.belongs_to(plan):
        if progress.phase is RunPhase.VALIDATED:
            return False
        raise BackupUnusable(
            session.header,
            f"it belongs to another plan for {plan.index!r}, which stopped when {describe_state(journal)}. "
            f"Finish that one, or put it back: {session.commands.rollback}",
        )
    if progress.phase is not RunPhase.VALIDATED:
        return True
    try:
        return _target_is_live(server, plan)
    except StalePlan:
        if server.processes() == progress.server_processes:
            raise
        journal.update(phase=RunPhase.ACTIVE)  # the server was started again from data of the middle of the run
        return True


def _target_is_live(server: Server, plan: MigrationPlan) -> bool:
    """Whether a completed run's target is still there; False if the source is, after a rollback by hand.

    Raises:
        StalePlan: neither is.
    """
    try:
        if not differences(plan.target, read_definition(server, plan.target.name)):
            return True
        found, _ = source_differences(server, plan)
    except IndexNotFound:
        found = (f"neither {plan.target.name!r} nor {plan.index!r} is there as it should be",)
    if found:
        raise StalePlan(plan.index, found)
    return False
