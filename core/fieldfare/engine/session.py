"""A backup directory and an index, held by one run at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from attrs import asdict, frozen

from fieldfare.backup import BackupStore, backup_file, backup_prefix, find_prefixes, lock_backup, open_directory
from fieldfare.backup.header import mentions, read_header
from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RollbackStatus, RunPhase
from fieldfare.engine.copied_keys import keeps_originals
from fieldfare.engine.load import Limits, change_limits, loaded_session, read_state
from fieldfare.engine.modes import mode_of
from fieldfare.engine.next_commands import NextCommands
from fieldfare.engine.shadow.names import moved_names, split_version
from fieldfare.engine.state import describe_state
from fieldfare.errors import BackupUnusable
from fieldfare.hooks.run_options import RunOptions
from fieldfare.plan import MigrationPlan
from fieldfare.server import Server
from fieldfare.server.lock import IndexLock
from fieldfare.storage import BackupPath, StoragePath, backup_location, claim_session

__all__ = [
    "Session",
    "find_backup",
    "list_backups",
    "load_journals",
    "open_session",
    "read_backup",
    "throttle",
]


@frozen(hash=False)
class Session:
    """What one run holds: a backup directory and the lock on an index.

    Attributes:
        directory: the backup directory.
        prefix: the prefix of this index's files in it.
        store: keys and originals.
        lock: on the index.
        commands: those that messages name for resume and rollback.
    """

    directory: BackupPath
    prefix: BackupPath
    store: BackupStore
    lock: IndexLock
    commands: NextCommands

    @property
    def header(self) -> BackupPath:
        """The journal's file."""
        return backup_file(self.prefix, "header")

    @property
    def has_journal(self) -> bool:
        """Whether there was a run in this directory before."""
        return self.header.exists()

    def load_journal(self) -> Journal:
        """Read the journal.

        Raises:
            BackupUnusable: it is damaged, not ours, or of another index.
        """
        journal = Journal.load(self.header)
        if backup_prefix(self.directory, journal.plan.index) != self.prefix:
            raise BackupUnusable(self.header, f"it is of the index {journal.plan.index!r}: the file was renamed")
        return journal

    def set_aside(self) -> None:
        """Rename the files of a completed run; nothing is deleted."""
        self.store.set_aside(datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"))


@contextmanager
def open_session(
    server: Server, index: str, backup_dir: BackupPath, options: RunOptions, *, create: bool = True
) -> Iterator[Session]:
    """Open a backup directory and take both locks.

    Args:
        server: the server of the index.
        index: the source index.
        backup_dir: where backups are.
        options: its batch size is that of a fresh run.
        create: whether to make the directory.

    Raises:
        BackupUnusable: the directory cannot be used.
        LockHeld: another migration holds the directory's files or the index.
    """
    if isinstance(backup_dir, StoragePath):
        backup_dir.storage.retry_for = options.retry_for
    directory = open_directory(backup_dir, create=create, index=index)
    prefix = backup_prefix(directory, index)
    with (
        lock_backup(prefix),
        IndexLock(server, index, backup_dir=str(directory)) as lock,
        loaded_session(prefix, options),
        BackupStore(prefix, batch_size=options.batch_size) as store,
    ):
        if isinstance(prefix, StoragePath):
            prefix.forget()
            claim_session(prefix)
            lock.check()  # the storage may have been slow, and the lock may be that of another process now
        yield Session(directory, prefix, store, lock, NextCommands.of_run(index, backup_dir, options))


@contextmanager
def read_backup(
    backup_dir: BackupPath | str | None, plan: MigrationPlan
) -> Iterator[tuple[Journal | None, BackupStore | None]]:
    """Open the backup of a completed run for reading; without a directory, yield nothing.

    Raises:
        BackupUnusable: there is none of this plan, or the run is not complete, or was rolled back.
    """
    if backup_dir is None:
        yield None, None
        return
    location = backup_location(backup_dir)
    journal = find_backup(location, plan.index)
    if not journal.belongs_to(plan):
        raise BackupUnusable(journal.path, "it belongs to a run of another plan")
    is_complete = journal.progress.phase in (RunPhase.TARGET_CREATED, RunPhase.VALIDATED)
    if not is_complete or journal.progress.undo is not RollbackStatus.NONE:
        raise BackupUnusable(journal.path, f"there is no migrated index to compare it with: {describe_state(journal)}")
    prefix = backup_prefix(open_directory(location, create=False), plan.index)
    with BackupStore(prefix, batch_size=journal.progress.batch_size) as store:
        yield journal, store


def find_backup(backup_dir: BackupPath, index: str | None) -> Journal:
    """Return the journal of one run.

    Args:
        backup_dir: where backups are.
        index: source or target name; None if there is only one.

    Raises:
        BackupUnusable: none, or more than one.
    """
    exact = None if index is None else _exact_journal(open_directory(backup_dir, create=False, index=index), index)
    if exact is not None and index in _names(exact.plan):
        return exact
    headers = [backup_file(prefix, "header") for prefix in _prefixes(backup_dir, index)]
    if index is None and len(headers) > 1:
        raise BackupUnusable(backup_dir, f"it holds several backups ({_indexes(headers)}); name one with --index")
    # of the others in a directory of thousands, none is parsed
    journals = [Journal.load(header) for header in headers if index is None or mentions(header, index)]
    found = [each for each in journals if index is None or index in _names(each.plan)]
    if found:
        return max(found, key=_recency)
    if not headers:
        raise BackupUnusable(backup_dir, "it holds no backup")
    raise BackupUnusable(backup_dir, f"it holds no backup of index {index!r}; backups there: {_indexes(headers)}")


def load_journals(backup_dir: BackupPath) -> list[Journal]:
    """Return the journals of all runs in a directory.

    Raises:
        BackupUnusable: there is no such directory, or a journal is damaged.
    """
    return [Journal.load(backup_file(prefix, "header")) for prefix in _prefixes(backup_dir, None)]


def list_backups(backup_dir: BackupPath, index: str | None = None) -> list[dict[str, Any]]:
    """Return how far each run in a directory got, as plain values.

    Raises:
        BackupUnusable: no such directory, or no such backup.
    """
    if index is not None:
        return [_status(find_backup(backup_dir, index), backup_dir)]
    return [_status(journal, backup_dir) for journal in load_journals(backup_dir)]


def _indexes(headers: Sequence[BackupPath]) -> str:
    return ", ".join(repr(read_header(header).get("index_name")) for header in headers)


def _recency(journal: Journal) -> tuple[bool, str, int]:
    """Order migrations that have moved the same name one after the other."""
    progress = journal.progress
    version = split_version(journal.plan.target.name)[1]
    return progress.undo is not RollbackStatus.DONE, progress.started_at, version


def _names(plan: MigrationPlan) -> set[str]:
    """Return the names by which the user may call a migration."""
    return {plan.index, plan.target.name, *plan.source.aliases, *moved_names(plan)}


def throttle(backup_dir: BackupPath, index: str | None, *, off: bool, **changes: Any) -> dict[str, Limits]:
    """Change the limits of active runs.

    Args:
        backup_dir: their backup directory.
        index: source or target name of one run; None for every run that is active there.
        off: remove every limit first, and a pause.
        changes: attributes of :class:`~fieldfare.engine.load.Limits`; those that are None stay as they are.

    Returns:
        Source index → the limits of its run from now on.

    Raises:
        BackupUnusable: no run is active, or the limits cannot be written.
    """
    directory = open_directory(backup_dir, create=False, index=index)
    if index is not None:
        names = [find_backup(backup_dir, index).plan.index]
    else:
        running = [each for each in _prefixes(backup_dir, None) if read_state(each) is not None]
        names = [Journal.load(backup_file(prefix, "header")).plan.index for prefix in running]
    if not names:
        raise BackupUnusable(directory, "no run is active there. Give the limits to the command that starts one.")
    return {name: change_limits(backup_prefix(directory, name), name, off=off, **changes) for name in names}


def _prefixes(backup_dir: BackupPath, index: str | None) -> list[BackupPath]:
    """Return the prefix of the backup of this index, or of all if there is none, or if several may share the name."""
    directory = open_directory(backup_dir, create=False, index=index)
    if index is not None and _exact_journal(directory, index) is not None:
        return [backup_prefix(directory, index)]
    return [prefix for prefix in find_prefixes(directory) if backup_file(prefix, "header").exists()]


def _exact_journal(directory: BackupPath, index: str) -> Journal | None:
    """Return the journal in the files of this index, unless those of another one may share the name."""
    header = backup_file(backup_prefix(directory, index), "header")
    journal = Journal.load(header) if header.exists() else None
    return None if journal is None or moved_names(journal.plan) else journal


def recorded_commands(journal: Journal, backup_dir: BackupPath) -> NextCommands:
    """Return the commands for a run, as its last attempt was started."""
    return NextCommands.of_progress(journal.plan.index, backup_dir, journal.progress)


def _status(journal: Journal, backup_dir: BackupPath) -> dict[str, Any]:
    progress, commands = journal.progress, recorded_commands(journal, backup_dir)
    return {
        "index": journal.plan.index,
        "target": journal.plan.target.name,
        "moved_names": list(moved_names(journal.plan)),
        "mode": journal.plan.mode,
        "phase": progress.phase.value,
        "stage": mode_of(journal.plan).state(journal),
        "state": describe_state(journal),
        "rollback": progress.undo.value,
        "started_at": progress.started_at,
        "documents": progress.documents,
        "batch_size": progress.batch_size,
        "dump_completed_batches": progress.dump_completed_batches,
        "steps": [
            {
                "id": step.id,
                "summary": step.summary,
                "status": record.status.value if (record := journal.record(step.id)) else "pending",
                "completed_batches": record.completed_batches if record else 0,
            }
            for step in journal.plan.steps
        ],
        "speed": _speed(backup_prefix(backup_dir, journal.plan.index)),
        "resume": commands.resume,
        "undo": commands.rollback,
        "switch": commands.switch,
        "finalize": commands.finalize,
        "sync": commands.sync if keeps_originals(journal.plan) else None,
    }


def _speed(prefix: BackupPath) -> dict[str, Any] | None:
    """Return how fast a run is, as plain values; None if it is not active."""
    state = read_state(prefix)
    return None if state is None else asdict(state, filter=lambda attribute, _: attribute.name != "process")
