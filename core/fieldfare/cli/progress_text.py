"""What lines about the progress of a run say, in a terminal and in a log."""

from __future__ import annotations

import time

from fieldfare.report import Moment, StepReport
from fieldfare.support.units import rough_seconds

ROUGH = 60.0
"""Seconds from which on a tenth of one does not matter."""

__all__ = ["activity_key", "ended_text", "progress_text", "title_of"]


def activity_key(report: StepReport) -> tuple[str, str]:
    """Return what tells one activity of a run from the others."""
    return report.activity, report.step


def title_of(report: StepReport) -> str:
    """Return the title of an activity."""
    return report.title or report.activity


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < ROUGH else rough_seconds(seconds)


def progress_text(report: StepReport) -> str:
    """Return how far an activity is, and if the index is unavailable, for how long."""
    total = f"/{report.documents_total:,}" if report.documents_total else ""
    since = report.unavailable_since
    outage = "" if since is None else f"; index unavailable for {rough_seconds(max(time.time() - since, 0.0))}"
    return f"{report.documents_done:,}{total} docs{outage}"


def ended_text(report: StepReport) -> str:
    """Return the line about an activity that has ended."""
    title = title_of(report)
    match report.moment:
        case Moment.SKIPPED:
            return f"{title}: done by an earlier run"
        case Moment.FAILED:
            reason, _, _ = (report.error or "").partition("\n")  # what follows is said at the end
            return f"{title}: failed: {reason}"
        case _:
            documents = f"{report.documents_done:,} docs " if report.documents_done else ""
            return f"{title}: done, {documents}in {_seconds(report.seconds)}"
