"""What a run has done to the server, in words."""

from __future__ import annotations

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RollbackStatus, RunPhase, Status
from fieldfare.engine.modes import mode_of
from fieldfare.plan import Phase

__all__ = ["describe_state"]


def describe_state(journal: Journal) -> str:
    """Say what a run has done to the server, as far as the journal knows."""
    if journal.progress.undo is not RollbackStatus.NONE:
        return (
            "everything was rolled back" if journal.progress.undo is RollbackStatus.DONE else "a rollback is half-way"
        )
    if not journal.progress.steps:
        ready = journal.progress.phase is not RunPhase.DUMP
        return "nothing was changed; the backup is complete" if ready else "nothing was changed"
    mode = mode_of(journal.plan)
    if journal.progress.phase is RunPhase.VALIDATED and not mode.state(journal):
        return "the target index is live and validated"
    return f"{mode.describe(journal)}, {_documents(journal)}"


def _documents(journal: Journal) -> str:
    records = [journal.record(step.id) for step in journal.plan.steps if step.phase is Phase.REWRITE]
    if not any(records):
        return "no document was changed"
    done = all(record and record.status is Status.DONE for record in records)
    return f"{'all' if done else 'some'} documents are rewritten"
