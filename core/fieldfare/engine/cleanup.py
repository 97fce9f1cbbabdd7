"""Finding and dropping indexes that migrations have left behind: versions that no name leads to, and trial indexes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import frozen

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RollbackStatus
from fieldfare.definition import IndexDefinition
from fieldfare.engine.index import drop_index
from fieldfare.engine.modes import mode_of
from fieldfare.engine.preflight import refuse_replica
from fieldfare.engine.session import load_journals
from fieldfare.engine.shadow.names import split_version
from fieldfare.server import Server
from fieldfare.server.index_names import real_name
from fieldfare.server.inspect import REHEARSAL_PREFIX, list_indexes, read_snapshot
from fieldfare.server.lock import IndexLock, lock_holder
from fieldfare.storage import BackupPath

__all__ = ["AbandonedIndex", "drop_abandoned", "find_abandoned"]


@frozen
class AbandonedIndex:
    """An index that a migration has left behind.

    Attributes:
        name: its name.
        documents: how many it has; they stay.
        reason: why it is taken to be abandoned.
    """

    name: str
    documents: int
    reason: str


def find_abandoned(server: Server, backup_dirs: Sequence[BackupPath] = ()) -> tuple[AbandonedIndex, ...]:
    """Return the indexes that migrations have left behind. Reads only.

    These are trial indexes, and versions ``NAME__vN`` over the same keys as the index that answers to ``NAME``. What a
    running migration holds, and what a migration in one of the directories still needs, is not among them.

    Args:
        server: where to look.
        backup_dirs: of migrations that are not finalized: their indexes are needed for a rollback.

    Raises:
        BackupUnusable: a directory cannot be read.
    """
    names = list_indexes(server)
    needed = set(_needed(journal for each in backup_dirs for journal in load_journals(each)))
    is_running = any(lock_holder(server, name) for name in names)
    found: list[AbandonedIndex] = []
    for name in names:
        if name.startswith(REHEARSAL_PREFIX):
            if not is_running:
                found.append(AbandonedIndex(name, _documents(server, name), "a trial index of a killed migration"))
        elif name not in needed:
            found.extend(_superseded(server, name))
    return tuple(found)


def drop_abandoned(server: Server, abandoned: Iterable[AbandonedIndex]) -> None:
    """Drop indexes that :func:`find_abandoned` has found; their documents stay.

    Raises:
        LockHeld: a migration works on one of them.
        PreconditionError: one is TEMPORARY: its documents would be deleted with it.
    """
    refuse_replica(server)
    for each in abandoned:
        with IndexLock(server, each.name, backup_dir=""):
            base, version = split_version(each.name)
            is_used = version > 1 and real_name(server, base) == each.name  # since it was found
            if not is_used and real_name(server, each.name) == each.name:
                drop_index(server, read_snapshot(server, each.name, key_sample_limit=0))


def _superseded(server: Server, name: str) -> Iterator[AbandonedIndex]:
    base, version = split_version(name)
    in_use = real_name(server, base) if version > 1 else None
    if in_use is None or in_use == name or lock_holder(server, name) or lock_holder(server, in_use):
        return
    live = read_snapshot(server, name, key_sample_limit=0)
    if live.aliases or _keys(live.definition) != _keys(read_snapshot(server, in_use, key_sample_limit=0).definition):
        return
    reason = f"{base!r} leads to {in_use!r}" if in_use != base else f"{base!r} is an index itself"
    yield AbandonedIndex(name, live.stats.num_docs, reason)


def _keys(definition: IndexDefinition) -> tuple[object, ...]:
    return definition.storage, definition.prefixes


def _documents(server: Server, name: str) -> int:
    return read_snapshot(server, name, key_sample_limit=0).stats.num_docs


def _needed(journals: Iterable[Journal]) -> Iterator[str]:
    """Yield the names of indexes that a migration has not done with."""
    for journal in journals:
        progress, plan = journal.progress, journal.plan
        if progress.undo is RollbackStatus.DONE or mode_of(plan).state(journal) == "finalized":
            continue
        yield from (plan.index, plan.target.name, progress.restored_as)
