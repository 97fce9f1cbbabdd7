"""A condition that is not met before anything is changed. Exit code 4."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from fieldfare.errors.base import FieldfareError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = [
    "BackupCorrupt",
    "BackupDirectoryUnusable",
    "BackupUnusable",
    "ChangeBlocked",
    "IndexNotFound",
    "LockHeld",
    "LockLost",
    "PlanEdited",
    "PreconditionError",
    "ServerUnavailable",
    "StalePlan",
    "StoragePackageMissing",
    "UnconvertibleDocuments",
    "UnsupportedServer",
    "WorkersUnfit",
    "WrongServer",
]


class PreconditionError(FieldfareError):
    """A condition for starting is not met. Nothing was touched."""

    exit_code = 4


class ServerUnavailable(PreconditionError):
    """No usable answer from the server.

    Attributes:
        url: the URL that was tried, without its password.
        reason: the message of the client library.
    """

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(
            f"Cannot talk to Redis at {url}: {reason}. "
            "Check that the server runs and that --url (or FIELDFARE_URL, REDIS_URL) names it."
        )


class UnsupportedServer(PreconditionError):
    """The server lacks something.

    Attributes:
        has: the version or feature that the server has.
        needs: the version or feature that is needed.
    """

    def __init__(self, what: str, *, has: str, needs: str) -> None:
        self.has = has
        self.needs = needs
        super().__init__(f"{what} needs {needs}; this server has {has}. Nothing was changed.")


class IndexNotFound(PreconditionError):
    """No index, and no alias, of this name.

    Attributes:
        index: the name.
        known: the indexes that exist; None if the user may not list them.
    """

    def __init__(self, index: str, known: Sequence[str] | None = ()) -> None:
        self.index = index
        self.known = None if known is None else tuple(known)
        if self.known is None:
            super().__init__(f"There is no index or alias named {index!r}. This Redis user may not list indexes.")
            return
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
    """The live index has changed since the plan was made.

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
            f"The run for {index!r} was begun with {documents:,} documents, and none of them are on this server. The "
            "target index is not there either. Nothing was changed. Check --url: did the run begin on this server? If "
            "it did, the data is gone: load it again, or restore the index with 'fieldfare rollback --force'."
        )


class WorkersUnfit(PreconditionError):
    """There are no workers for the work on shards, or some of them cannot do it.

    Attributes:
        problems: one line per worker: its name, and why.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        super().__init__(
            "Not every worker can work on this migration. This command changed nothing. Mend these workers, or leave "
            f"out --executor.\n{lines}"
        )


class BackupUnusable(PreconditionError):
    """A backup directory that is missing, unwritable or belongs to something else.

    Attributes:
        path: of the directory, the file or the object, as text.
        reason: what is wrong with it.
    """

    subject: ClassVar[str] = "backup at"

    def __init__(self, path: object, reason: str) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(f"The {self.subject} {self.path} cannot be used: {reason}")


class BackupDirectoryUnusable(BackupUnusable, ValueError):
    """A backup directory that cannot be made or written. RedisVL's migrator raises a ``ValueError`` here."""

    subject = "backup directory"

    def __init__(self, path: object, reason: str) -> None:
        super().__init__(path, f"{reason}. Nothing was changed. Give another --backup-dir.")


class BackupCorrupt(BackupUnusable):
    """A backup file whose bytes are not what was written.

    Attributes:
        offset: the byte at which the bad frame starts.
    """

    def __init__(self, path: object, offset: int, reason: str) -> None:
        self.offset = offset
        super().__init__(
            path,
            f"{reason} at byte {offset}. Nothing was written from it. "
            "Restore this file from a copy of the backup directory before you continue.",
        )


class StoragePackageMissing(PreconditionError):
    """The package that reaches a storage is not installed.

    Attributes:
        protocol: of the URL.
        package: what is missing.
        extra: of fieldfare, which installs it.
    """

    def __init__(self, protocol: str, *, package: str, extra: str) -> None:
        self.protocol = protocol
        self.package = package
        self.extra = extra
        super().__init__(
            f"Backups at {protocol}:// need the package {package}, which is not installed. Nothing was changed. "
            f"Install it: pip install 'fieldfare[{extra}]'"
        )


class LockHeld(PreconditionError):
    """Another migrator works on this index, or in this backup directory.

    Attributes:
        holder: the process that holds it, if known: host, pid, start.
    """

    def __init__(self, what: str, holder: str) -> None:
        self.what = what
        self.holder = holder
        super().__init__(
            f"Another migration holds {what}: {holder}. Nothing was changed. Wait until it ends, or stop it."
        )


class LockLost(LockHeld):
    """The lock that we held is not ours any more: this process, or the server, stood still for too long.

    Attributes:
        holder: the process that holds it now, if known.
    """

    def __init__(self, what: str, holder: str) -> None:
        self.what = what
        self.holder = holder
        FieldfareError.__init__(
            self,
            f"The lock on {what} was lost (it is held by: {holder}), so this run stopped. "
            "Run the same command again when no other migration works on it.",
        )


class UnconvertibleDocuments(PreconditionError):
    """Documents hold values that a step cannot carry over.

    Attributes:
        problems: one line per problem: count, field, example keys.
    """

    def __init__(self, problems: Sequence[str], *, override: str | None = None) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        advice = f" Fix these documents, or pass {override} to continue." if override else ""
        super().__init__(f"Some documents cannot be converted; the index was not dropped.{advice}\n{lines}")
