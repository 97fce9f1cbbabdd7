"""A run, or a rollback, that stopped. Exit codes 1, 3 and 130."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fieldfare.errors.base import FieldfareError, single_full_stops

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ChecksFailed",
    "IndexBuildFailed",
    "Interrupted",
    "MigrationIncomplete",
    "OutputLost",
    "ReportLost",
    "RollbackFailed",
    "RunFailed",
    "StepFailed",
    "SyncFailed",
    "TargetRejected",
    "ValidationFailed",
    "WorkersLost",
]


class RunFailed(FieldfareError):
    """The run failed while it was still only reading: a lost connection, a full disk."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The run failed before anything was changed: {reason}. Fix this, then run the same command again."
        )


class WorkersLost(FieldfareError):
    """Workers in other processes ended again and again, or do not answer; the reason of a StepFailed."""


class IndexBuildFailed(FieldfareError):
    """The server gave up building an index.

    Attributes:
        index: its name.
        documents: how many it has.
        reason: what the server says.
    """

    def __init__(self, index: str, documents: int, reason: str) -> None:
        self.index = index
        self.documents = documents
        self.reason = reason
        super().__init__(
            f"the server gave up building the index {index!r} at {documents:,} documents: {reason}. "
            "Give the server more memory (maxmemory), then resume: the index is built again"
        )


class OutputLost(FieldfareError):
    """The result of a command could not be written to standard output."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The result could not be written to standard output: {reason}. The command's work on the server is done; "
            "for a migration, 'fieldfare status --backup-dir DIR' shows its state."
        )


class MigrationIncomplete(FieldfareError):
    """The run stopped after it had changed something on the server.

    Attributes:
        resume: the command that resumes the run.
        rollback: the command that rolls it back.
        report: how far the run came, a :class:`fieldfare.report.MigrationReport`; None if there is none.
    """

    exit_code = 3
    report: Any = None

    def __init__(self, message: str, *, resume: str, rollback: str) -> None:
        self.resume = resume
        self.rollback = rollback
        super().__init__(f"{message}\n  To roll back:  {rollback}\n  To resume:     {resume}")


class StepFailed(MigrationIncomplete):
    """A step raised, or could not be verified, after the index had been changed."""

    def __init__(self, step: str, state: str, reason: str, *, resume: str, rollback: str) -> None:
        self.step = step
        self.state = state
        super().__init__(
            f"Step {step} failed: {reason}. State of the server: {state}.", resume=resume, rollback=rollback
        )


class ChecksFailed(MigrationIncomplete):
    """Some checks of the target failed.

    Attributes:
        problems: one line per failed check.
    """

    def __init__(self, outcome: str, problems: Sequence[str], *, resume: str, rollback: str) -> None:
        self.problems = tuple(problems)
        self._lines = single_full_stops("".join(f"\n  - {problem}" for problem in self.problems))
        super().__init__(outcome + self._lines, resume=resume, rollback=rollback)

    def refer_to_report(self) -> None:
        """Shorten the message for a reader who has the report: it counts the failed checks and does not list them."""
        checks = "check" if len(self.problems) == 1 else "checks"
        self.args = (str(self).replace(self._lines, f" {len(self.problems)} {checks} failed: see the report above."),)


class ValidationFailed(ChecksFailed):
    """The target was created, and one of its checks failed."""

    def __init__(self, problems: Sequence[str], *, resume: str, rollback: str) -> None:
        super().__init__("Validation failed; the target index is live.", problems, resume=resume, rollback=rollback)


class TargetRejected(ChecksFailed):
    """The target was built beside the source, and one of its checks failed: no name was moved.

    Attributes:
        index: the source, which is unchanged.
        problems: one line per failed finding, and one for all queries whose answers differ too much.
        comparison: the answers of both indexes to the user's queries, a
            :class:`fieldfare.comparison.IndexComparison`; None if they were not compared.
    """

    exit_code = 4

    def __init__(
        self, index: str, problems: Sequence[str], *, resume: str, rollback: str, comparison: Any = None
    ) -> None:
        self.index = index
        self._comparison = comparison
        super().__init__(
            f"The new index did not pass its checks, so nothing was switched: {index!r} answers as before.",
            problems,
            resume=resume,
            rollback=rollback,
        )

    @property
    def comparison(self) -> Any:
        """What both indexes answered; the findings of the report say the same."""
        return self._comparison


class ReportLost(MigrationIncomplete):
    """The migration is done, but what it has to say could not be written."""

    def __init__(self, reason: str, *, resume: str, rollback: str) -> None:
        self.reason = reason
        super().__init__(
            f"The migration is done and the target index is live, but its report is lost: {reason}. "
            "Run the same command again: it changes nothing and writes the report.",
            resume=resume,
            rollback=rollback,
        )


class RollbackFailed(FieldfareError):
    """A rollback stopped half-way; the same command again resumes it."""

    exit_code = 3

    def __init__(self, step: str, reason: str, *, rollback: str) -> None:
        self.step = step
        self.rollback = rollback
        super().__init__(f"Rollback stopped at step {step}: {reason}. The backup is intact.\n  To resume:  {rollback}")


class SyncFailed(FieldfareError):
    """Converting what applications wrote to originals stopped; the same command again compares every document."""

    exit_code = 3

    def __init__(self, reason: str, *, resume: str) -> None:
        self.reason = reason
        self.resume = resume
        super().__init__(f"The synchronization stopped: {reason}. No document is damaged.\n  To resume:  {resume}")


class Interrupted(FieldfareError):
    """The user asked to stop; the current batch was finished first."""

    exit_code = 130

    def __init__(self, state: str, *, resume: str, rollback: str | None = None) -> None:
        self.resume = resume
        self.rollback = rollback
        back = f"\n  To roll back:  {rollback}" if rollback else ""
        super().__init__(f"Interrupted. {state}{back}\n  To resume:     {resume}")
