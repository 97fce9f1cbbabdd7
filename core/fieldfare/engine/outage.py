"""What a journal says about a step of a mode, and about the time without an index."""

from __future__ import annotations

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import Status
from fieldfare.engine.run import ActiveRun

__all__ = ["end_outage", "step_status"]


def step_status(journal: Journal, kind: str) -> Status | None:
    """Return how far the step of this kind is; None if it was not started."""
    records = (journal.record(step.id) for step in journal.plan.steps if step.kind == kind)
    return next((record.status for record in records if record), None)


def end_outage(run: ActiveRun) -> None:
    """Count the time since the index was dropped, if it was."""
    since = run.journal.progress.dropped_at
    if since is not None:
        run.journal.add_outage(since)
