"""Every error that fieldfare raises on purpose.

The whole tree, with the exit code that the command line gives each branch::

    FieldfareError                      1
    ├── UsageError                      2   the request itself is wrong
    │   ├── FileError                       a patch, plan or query file cannot be used
    │   ├── DiffError                       a request that does not fit the index
    │   ├── ParameterMissing                a custom change lacks a parameter; also a KeyError
    │   ├── BackupDirectoryRequired         also a ValueError
    │   └── UnsupportedURL
    ├── PreconditionError               4   nothing was touched
    │   ├── ServerUnavailable               no server, or it refuses us
    │   ├── UnsupportedServer               a server that lacks what is needed
    │   ├── CommandNotAllowed               a right is missing; in fieldfare.server.refusal, also redis-py's error
    │   ├── IndexNotFound
    │   ├── ChangeBlocked
    │   ├── StalePlan                       the live index is not what was planned for
    │   ├── PlanEdited
    │   ├── WrongServer                     a run that started on another server
    │   ├── WorkersUnfit                    workers that are not there, or cannot do this work
    │   ├── BackupUnusable                  missing, unwritable, not ours, or corrupt
    │   │   ├── BackupDirectoryUnusable     cannot be made or written; a ValueError
    │   │   └── BackupCorrupt
    │   ├── StoragePackageMissing           for a backup at a URL
    │   ├── LockHeld
    │   │   └── LockLost                    our own lock was taken by another migration
    │   └── UnconvertibleDocuments          documents that a step cannot convert
    ├── RunFailed                       1   failed before anything was changed
    ├── WorkersLost                     1   workers ended, or do not answer; the reason of a StepFailed
    ├── IndexBuildFailed                1   the server gave up building an index; the reason of a StepFailed
    ├── OutputLost                      1   the result could not be written to stdout
    ├── PluginError                     6
    │   ├── PluginMissing
    │   ├── PluginBroken
    │   ├── PluginConflict
    │   ├── InvalidBatch                    values that fit no batch of documents; also a ValueError
    │   └── InvalidHookResult
    ├── MigrationIncomplete             3   something was changed; resume or roll back
    │   ├── StepFailed
    │   ├── ChecksFailed                    checks of the target failed
    │   │   ├── ValidationFailed
    │   │   └── TargetRejected          4   the source is unchanged and answers
    │   └── ReportLost                      the run is complete; its report could not be written
    ├── SyncFailed                      3   the same command resumes it
    ├── RollbackFailed                  3   also an ExceptionGroup is chained where undo failed too
    └── Interrupted                     130

May import: nothing of fieldfare. Must not know: anything else.

A message says what happened, what state the server is in, and the next command.
The same facts are attributes, so that a caller never parses a message.
"""

from fieldfare.errors.base import FieldfareError
from fieldfare.errors.plugin import (
    InvalidBatch,
    InvalidHookResult,
    PluginBroken,
    PluginConflict,
    PluginError,
    PluginMissing,
)
from fieldfare.errors.precondition import (
    BackupCorrupt,
    BackupDirectoryUnusable,
    BackupUnusable,
    ChangeBlocked,
    IndexNotFound,
    LockHeld,
    LockLost,
    PlanEdited,
    PreconditionError,
    ServerUnavailable,
    StalePlan,
    StoragePackageMissing,
    UnconvertibleDocuments,
    UnsupportedServer,
    WorkersUnfit,
    WrongServer,
)
from fieldfare.errors.run import (
    ChecksFailed,
    IndexBuildFailed,
    Interrupted,
    MigrationIncomplete,
    OutputLost,
    ReportLost,
    RollbackFailed,
    RunFailed,
    StepFailed,
    SyncFailed,
    TargetRejected,
    ValidationFailed,
    WorkersLost,
)
from fieldfare.errors.usage import (
    BackupDirectoryRequired,
    DiffError,
    FileError,
    ParameterMissing,
    UnsupportedURL,
    UsageError,
)

__all__ = [
    "BackupCorrupt",
    "BackupDirectoryRequired",
    "BackupDirectoryUnusable",
    "BackupUnusable",
    "ChangeBlocked",
    "ChecksFailed",
    "DiffError",
    "FieldfareError",
    "FileError",
    "IndexBuildFailed",
    "IndexNotFound",
    "Interrupted",
    "InvalidBatch",
    "InvalidHookResult",
    "LockHeld",
    "LockLost",
    "MigrationIncomplete",
    "OutputLost",
    "ParameterMissing",
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
    "StalePlan",
    "StepFailed",
    "StoragePackageMissing",
    "SyncFailed",
    "TargetRejected",
    "UnconvertibleDocuments",
    "UnsupportedServer",
    "UnsupportedURL",
    "UsageError",
    "ValidationFailed",
    "WorkersLost",
    "WorkersUnfit",
    "WrongServer",
]
