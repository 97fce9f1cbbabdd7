"""Every error that fieldfare raises on purpose.

The whole tree, with the exit code that the command line gives each branch::

    FieldfareError                      1
    ├── UsageError                      2   the request itself is wrong
    │   ├── FileError                       a patch, plan or query file cannot be used
    │   ├── DiffError                       a request that does not fit the index
    │   ├── BackupDirectoryRequired         also a ValueError
    │   └── UnsupportedURL
    ├── PreconditionError               4   nothing was touched
    │   ├── ServerUnavailable               no server, or it refuses us
    │   ├── ServerUnfit                     a server that lacks what is needed
    │   ├── IndexNotFound
    │   ├── ChangeBlocked
    │   ├── StalePlan                       the live index is not what was planned for
    │   ├── PlanEdited
    │   ├── WrongServer                     a run that was begun on another server
    │   ├── BackupUnusable                  missing, unwritable, foreign or corrupt
    │   │   └── BackupCorrupt
    │   ├── LockHeld
    │   │   └── LockLost                    our own lock went to another, in the middle
    │   └── DocumentsUnfit                  documents that a step cannot convert
    ├── RunFailed                       1   failed before anything was changed
    ├── OutputLost                      1   the result could not be written to stdout
    ├── PluginError                     6
    │   ├── PluginMissing
    │   ├── PluginBroken
    │   ├── PluginConflict
    │   └── HookContractBroken
    ├── MigrationIncomplete             3   something was changed; resume or roll back
    │   ├── StepFailed
    │   ├── ValidationFailed
    │   └── ReportLost                      all is done, and a report could not be written
    ├── RollbackFailed                  3   also an ExceptionGroup is chained where undo failed too
    └── Interrupted                     130

A message says what happened, what state the server is in, and the next command.
The same facts are attributes, so that a caller never parses a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fieldfare.report import MigrationReport

__all__ = [
    "BackupCorrupt",
    "BackupDirectoryRequired",
    "BackupUnusable",
    "ChangeBlocked",
    "DiffError",
    "DocumentsUnfit",
    "FieldfareError",
    "FileError",
    "HookContractBroken",
    "IndexNotFound",
    "Interrupted",
    "LockHeld",
    "LockLost",
    "MigrationIncomplete",
    "OutputLost",
    "PlanEdited",
    "PluginBroken",
    "PluginConflict",
    "PluginError",
    "PluginMissing",
    "PreconditionError",
    "ReportLost",
    "RollbackFailed",
    "RunFailed",
    "ServerUnavailable",
    "ServerUnfit",
    "StalePlan",
    "StepFailed",
    "UnsupportedURL",
    "UsageError",
    "ValidationFailed",
    "WrongServer",
]


class FieldfareError(Exception):
    """Base of all errors. ``exit_code`` is what the command line ends with."""

    exit_code: ClassVar[int] = 1


class UsageError(FieldfareError):
    """The request cannot be carried out as it was asked."""

    exit_code = 2


class FileError(UsageError):
    """A file given by the user cannot be used.

    Attributes:
        path: the file.
        problems: one line per problem, each with its line number where one is known.
    """

    def __init__(self, path: Path | str, problems: Sequence[str]) -> None:
        self.path = str(path)
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"{self.path} cannot be used; nothing was changed.\n{lines}")


class DiffError(UsageError):
    """A patch or target schema that does not fit the index it is meant for.

    Attributes:
        index: the index.
        problems: one line per problem.
    """

    def __init__(self, index: str, problems: Sequence[str]) -> None:
        self.index = index
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"The request does not fit index {index!r}; nothing was changed.\n{lines}")


class BackupDirectoryRequired(UsageError, ValueError):
    """No backup directory was given. The guide promises a ``ValueError`` here."""

    def __init__(self) -> None:
        super().__init__(
            "A backup directory is required before any migration starts. "
            "Pass --backup-dir DIR (backup_dir=... in Python)."
        )


class UnsupportedURL(UsageError):
    """A connection URL that cannot be used."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"The URL {url} cannot be used: {reason}")


class PreconditionError(FieldfareError):
    """A condition for starting is not met. Nothing was touched."""

    exit_code = 4


class ServerUnavailable(PreconditionError):
    """No usable answer from the server.

    Attributes:
        url: where we tried, without its password.
        reason: what the client library said.
    """

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(
            f"Cannot talk to Redis at {url}: {reason}. "
            "Check that the server runs and that --url (or FIELDFARE_URL, REDIS_URL) names it."
        )


class ServerUnfit(PreconditionError):
    """The server lacks something.

    Attributes:
        has: what the server has.
        needs: what is needed.
    """

    def __init__(self, what: str, *, has: str, needs: str) -> None:
        self.has = has
        self.needs = needs
        super().__init__(f"{what} needs {needs}; this server has {has}. Nothing was changed.")


class IndexNotFound(PreconditionError):
    """No index, and no alias, of this name."""

    def __init__(self, index: str, known: Sequence[str] = ()) -> None:
        self.index = index
        self.known = tuple(known)
        shown = ", ".join(self.known[:10]) or "none"
        more = f" and {len(self.known) - 10} more" if len(self.known) > 10 else ""  # noqa: PLR2004 - as many as fit a line
        super().__init__(f"There is no index or alias named {index!r}. Indexes here: {shown}{more}.")


class ChangeBlocked(PreconditionError):
    """The plan holds changes that nobody can carry out.

    Attributes:
        reasons: one line per blocked change, with its workaround.
    """

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        lines = "\n".join(f"  - {reason}" for reason in self.reasons)
        super().__init__(f"Migration blocked: unsupported change. Nothing was changed.\n{lines}")


class StalePlan(PreconditionError):
    """The live index is no longer the one that was planned for.

    Attributes:
        index: its name.
        differences: one line per difference.
    """

    def __init__(self, index: str, differences: Sequence[str]) -> None:
        self.index = index
        self.differences = tuple(differences)
        lines = "\n".join(f"  - {difference}" for difference in self.differences)
        super().__init__(
            f"Source schema mismatch: the live index {index!r} changed since the plan was made. "
            f"Nothing was changed. Run 'fieldfare plan' again.\n{lines}"
        )


class PlanEdited(PreconditionError):
    """The plan's content does not match its fingerprint."""

    def __init__(self, path: Path | str, detail: str) -> None:
        self.path = str(path)
        super().__init__(
            f"The plan {self.path} was edited after it was made ({detail}). Nothing was changed. "
            "Edit the schema patch instead and run 'fieldfare plan' again."
        )


class WrongServer(PreconditionError):
    """A run was begun on another server, or on one that has lost its documents since.

    Attributes:
        index: the source index.
        documents: how many the run has in its backup.
    """

    def __init__(self, index: str, documents: int) -> None:
        self.index = index
        self.documents = documents
        super().__init__(
            f"The run for {index!r} was begun with {documents:,} documents, and none of them are on this server, nor "
            "is the target index. Nothing was changed. Look at --url: is it the server that the run was begun on? "
            "If it is, its data are gone: load them again, or let 'fieldfare rollback --force' bring back the index."
        )


class BackupUnusable(PreconditionError):
    """A backup directory that is missing, unwritable or belongs to something else."""

    def __init__(self, path: Path | str, reason: str) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(f"The backup at {self.path} cannot be used: {reason}")


class BackupCorrupt(BackupUnusable):
    """A backup file whose bytes are not what was written.

    Attributes:
        offset: the byte at which the bad frame starts.
    """

    def __init__(self, path: Path | str, offset: int, reason: str) -> None:
        self.offset = offset
        super().__init__(
            path,
            f"{reason} at byte {offset}. Nothing was written from it. "
            "Restore this file from a copy of the backup directory before you go on.",
        )


class LockHeld(PreconditionError):
    """Another migrator works on this index, or in this backup directory.

    Attributes:
        holder: who, as far as is known: host, pid, start.
    """

    def __init__(self, what: str, holder: str) -> None:
        self.what = what
        self.holder = holder
        super().__init__(f"Another migration holds {what}: {holder}. Nothing was changed. Wait for it, or end it.")


class LockLost(LockHeld):
    """The lock that we held is not ours any more: this process, or the server, stood still for too long.

    Attributes:
        holder: who holds it now, as far as is known.
    """

    def __init__(self, what: str, holder: str) -> None:
        self.what = what
        self.holder = holder
        FieldfareError.__init__(
            self,
            f"The lock on {what} was lost (it is held by: {holder}), so this run stopped. "
            "Run the same command again when no other migration works on it.",
        )


class DocumentsUnfit(PreconditionError):
    """Documents hold values that a step cannot carry over.

    Attributes:
        problems: one line per problem: count, field, example keys.
    """

    def __init__(self, problems: Sequence[str], *, override: str | None = None) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        advice = f" Mend these documents, or pass {override} to go on all the same." if override else ""
        super().__init__(f"Some documents cannot be converted; the index was not dropped.{advice}\n{lines}")


class RunFailed(FieldfareError):
    """The run failed while it was still only reading: a lost connection, a full disk."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The run failed before anything was changed: {reason}. Once that is mended, run the same command again."
        )


class PluginError(FieldfareError):
    """A plugin is missing, broken or in conflict."""

    exit_code = 6


class PluginMissing(PluginError):
    """Plugins that a plan needs are not here.

    Attributes:
        missing: one line per plugin: name, version needed, version found.
    """

    def __init__(self, missing: Sequence[str]) -> None:
        self.missing = tuple(missing)
        lines = "\n".join(f"  - {line}" for line in self.missing)
        super().__init__(
            "This plan needs plugins that are not installed as it knew them. Nothing was changed. "
            f"Install them, or plan again.\n{lines}"
        )


class PluginBroken(PluginError):
    """A plugin could not be loaded, or one of its hooks raised."""

    def __init__(self, plugin: str, reason: str) -> None:
        self.plugin = plugin
        self.reason = reason
        super().__init__(f"Plugin {plugin!r} is broken: {reason}. Leave it out with '-p no:{plugin}'.")


class PluginConflict(PluginError):
    """Two plugins answer for the same thing, or none does where one must."""

    def __init__(self, message: str, plugins: Sequence[str] = ()) -> None:
        self.plugins = tuple(plugins)
        super().__init__(message)


class HookContractBroken(PluginError):
    """A hook returned something that its specification does not allow."""

    def __init__(self, plugin: str, hook: str, reason: str) -> None:
        self.plugin = plugin
        self.hook = hook
        super().__init__(f"Plugin {plugin!r} broke the contract of {hook}: {reason}.")


class MigrationIncomplete(FieldfareError):
    """The run stopped after it had changed something on the server.

    Attributes:
        resume: the command that goes on.
        rollback: the command that puts everything back.
        report: how far the run came.
    """

    exit_code = 3
    report: MigrationReport | None = None

    def __init__(self, message: str, *, resume: str, rollback: str) -> None:
        self.resume = resume
        self.rollback = rollback
        super().__init__(f"{message}\n  To go on:        {resume}\n  To put it back:  {rollback}")


class StepFailed(MigrationIncomplete):
    """A step raised, or could not be verified, after the index had been changed."""

    def __init__(self, step: str, state: str, reason: str, *, resume: str, rollback: str) -> None:
        self.step = step
        self.state = state
        super().__init__(
            f"Step {step} failed: {reason}. State of the server: {state}.", resume=resume, rollback=rollback
        )


class ValidationFailed(MigrationIncomplete):
    """The target was created, and one of its checks failed.

    Attributes:
        problems: one line per failed finding.
    """

    def __init__(self, problems: Sequence[str], *, resume: str, rollback: str) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(f"Validation failed; the target index is live.\n{lines}", resume=resume, rollback=rollback)


class RollbackFailed(FieldfareError):
    """Putting things back stopped half-way; running the same command again goes on."""

    exit_code = 3

    def __init__(self, step: str, reason: str, *, rollback: str) -> None:
        self.step = step
        self.rollback = rollback
        super().__init__(f"Rollback stopped at step {step}: {reason}. The backup is intact.\n  To go on:  {rollback}")


class ReportLost(MigrationIncomplete):
    """The migration is done, but what it has to say could not be written."""

    def __init__(self, reason: str, *, resume: str, rollback: str) -> None:
        self.reason = reason
        super().__init__(
            f"The migration is done and the target index is live, but its report is lost: {reason}. "
            "The same command again changes nothing and writes one.",
            resume=resume,
            rollback=rollback,
        )


class OutputLost(FieldfareError):
    """The result of a command could not be written to standard output."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"The result could not be written to standard output: {reason}. What the command does to the server "
            "it had done; for a migration, 'fieldfare status --backup-dir DIR' says how far it got."
        )


class Interrupted(FieldfareError):
    """The user asked to stop; the current batch was finished first."""

    exit_code = 130

    def __init__(self, state: str, *, resume: str, rollback: str | None = None) -> None:
        self.resume = resume
        self.rollback = rollback
        back = f"\n  To put it back:  {rollback}" if rollback else ""
        super().__init__(f"Interrupted. {state}\n  To go on:        {resume}{back}")
