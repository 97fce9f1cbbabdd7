"""What a run has done to the server, in words."""

from __future__ import annotations

from collections.abc import Sequence

from fieldfare.journal import Journal, RunPhase, Status, Undo
from fieldfare.plan import Phase, Step

__all__ = ["describe_state"]


def describe_state(journal: Journal) -> str:
    """Say what a run has done to the server, as far as the journal knows."""
    if journal.progress.undo is not Undo.NONE:
        return "everything was put back" if journal.progress.undo is Undo.DONE else "a rollback is half-way"
    if not journal.progress.steps:
        ready = journal.progress.phase is not RunPhase.DUMP
        return "nothing was changed; the backup is complete" if ready else "nothing was changed"
    if journal.progress.phase is RunPhase.VALIDATED:
        return "the target index is live and validated"
    steps = journal.plan.steps
    drops = [step for step in steps if step.kind == "index.drop"]
    creates = [step for step in steps if step.kind == "index.create"]
    return f"{_index(_status(journal, drops), _status(journal, creates))}, {_documents(journal)}"


def _index(drop: Status | None, create: Status | None) -> str:
    match drop, create:
        case _, Status.DONE:
            return "the target index is live and not validated"
        case _, Status.RUNNING:
            return "the target index may be there, incomplete"
        case Status.DONE, None:
            return "the source index is dropped"
        case Status.RUNNING, None:
            return "the source index may be dropped"
        case _:
            return "the source index is there"


def _documents(journal: Journal) -> str:
    works = [step for step in journal.plan.steps if step.phase is Phase.REWRITE]
    if _status(journal, works) is None:
        return "no document was changed"
    return f"{'all' if _status(journal, works) is Status.DONE else 'some'} documents are rewritten"


def _status(journal: Journal, steps: Sequence[Step]) -> Status | None:
    """Return how far several steps are together; None if none was started."""
    records = [journal.record(step.id) for step in steps]
    if not any(records):
        return None
    return Status.DONE if all(record and record.status is Status.DONE for record in records) else Status.RUNNING
