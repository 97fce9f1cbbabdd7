"""Finding and removing shadow fields that migrations have left behind in documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from fieldfare.backup.journal import Journal
from fieldfare.backup.progress import RollbackStatus
from fieldfare.changes.renaming import is_same_place
from fieldfare.definition import IndexDefinition, Storage
from fieldfare.definition.jsonpath import join_path, split_path
from fieldfare.definition.reply import text
from fieldfare.documents import Batch, Column
from fieldfare.engine.cleanup import AbandonedIndex
from fieldfare.engine.modes import mode_of
from fieldfare.engine.preflight import refuse_replica
from fieldfare.engine.session import load_journals
from fieldfare.engine.shadow_paths import shadow_path, shadow_paths, shadow_version
from fieldfare.errors import PreconditionError
from fieldfare.server import Server
from fieldfare.server.guarded_write import GuardedWrite, write_guarded
from fieldfare.server.inspect import (
    find_overlapping_indexes,
    list_user_indexes,
    read_info,
    read_stats,
)
from fieldfare.server.keys import iterate_keys
from fieldfare.server.lock import IndexLock, lock_holder
from fieldfare.server.permissions import require_allowed
from fieldfare.server.pipeline import Command, encode
from fieldfare.server.refusal import trial_keys
from fieldfare.server.transaction import require_isolation
from fieldfare.storage import BackupPath

__all__ = ["AbandonedField", "find_abandoned_fields", "remove_abandoned_fields"]

BATCH: Final = 500


@frozen
class AbandonedField:
    """A shadow field that no index reads and no migration needs.

    Attributes:
        index: that covers the documents.
        path: the path of the field.
        original: the path of the field that the index reads.
        documents: how many have it.
    """

    index: str
    path: str
    original: str
    documents: int


def find_abandoned_fields(
    server: Server, abandoned: Iterable[AbandonedIndex] = (), backup_dirs: Sequence[BackupPath] = ()
) -> tuple[AbandonedField, ...]:
    """Return the shadow fields that migrations have left behind. Reads every document, changes nothing.

    These are fields ``NAME__vN`` where an index reads ``NAME``, or an earlier version of it. What an index reads, what
    a migration in one of the directories still needs, and the documents of a running migration are not among them.

    Args:
        server: where to look.
        abandoned: indexes that are dropped before: what only they read is left behind, too.
        backup_dirs: the backup directories of migrations that are not finalized: their fields are needed.

    Raises:
        BackupUnusable: a directory cannot be read.
        CommandNotAllowed: the user may not read some index, whose fields nobody knows then, or some documents; or may
            not remove what was found.
    """
    dropped = {each.name for each in abandoned}
    live = [read_info(server, name).definition for name in list_user_indexes(server) if name not in dropped]
    needed = {path for each in backup_dirs for journal in load_journals(each) for path in _needed_paths(journal)}
    fields: dict[tuple[Storage, tuple[str, ...], str], AbandonedField] = {}
    for index in live:
        readers = [index, *find_overlapping_indexes(index, [each for each in live if each is not index])]
        if any(lock_holder(server, each.name) for each in readers):
            continue
        of_index = list(_fields_of(server, index, readers, needed))
        if of_index:
            _require_rights(server, index)
        for field in of_index:
            fields.setdefault((index.storage, index.prefixes, field.path), field)
    return tuple(fields.values())


def remove_abandoned_fields(server: Server, fields: Iterable[AbandonedField]) -> None:
    """Remove fields that :func:`find_abandoned_fields` has found from all documents; nothing else of them changes.

    Raises:
        LockHeld: a migration works on their index.
        PreconditionError: an index reads one of them now.
    """
    refuse_replica(server)
    for field in fields:
        with IndexLock(server, field.index, backup_dir=""):
            index = read_info(server, field.index).definition
            _require_unread(server, index, field)
            for keys in _keys(server, index):
                nothing = Batch(tuple(keys), {field.path: Column.of([None] * len(keys))})
                write_guarded(server, index.storage, GuardedWrite(nothing), {field.path: field.path})


def _require_unread(server: Server, index: IndexDefinition, field: AbandonedField) -> None:
    """Refuse to remove what a migration has begun to use since it was found.

    Raises:
        PreconditionError: says which index reads it.
    """
    others = [read_info(server, name).definition for name in list_user_indexes(server) if name != index.name]
    for reader in (index, *find_overlapping_indexes(index, others)):
        if any(is_same_place(field.path, each.path, index.storage) for each in reader.fields):
            raise PreconditionError(
                f"The index {reader.name!r} reads {field.path!r} now. The field was not removed. List what is left "
                "with: fieldfare cleanup --fields"
            )


def _fields_of(
    server: Server, index: IndexDefinition, readers: Sequence[IndexDefinition], needed: set[str]
) -> Iterator[AbandonedField]:
    """Yield the abandoned fields of an index's documents."""
    storage = index.storage
    read = [field.path for reader in readers for field in reader.fields]
    latest: dict[str, tuple[int, str]] = {}  # by the path of a certain version, which is the same for all versions
    for path in read:
        base = shadow_path(storage, path, 1)
        if base is not None:
            latest[base] = max(latest.get(base, (0, "")), (shadow_version(storage, path), path))
    originals = {base: original for base, (_, original) in latest.items()}
    list(_paths_in(server, storage, trial_keys(index.prefixes), originals))  # names the right that is missing
    counted: Counter[str] = Counter()
    for keys in _keys(server, index):
        counted.update(_paths_in(server, storage, keys, originals))
    for path, documents in sorted(counted.items()):
        version, original = latest[shadow_path(storage, path, 1) or path]
        is_read = any(is_same_place(path, each, storage) for each in (*read, *needed))
        if shadow_version(storage, path) > version and not is_read:
            yield AbandonedField(index.name, path, original, documents)


def _require_rights(server: Server, index: IndexDefinition) -> None:
    """Try the commands that remove fields, on documents that do not exist."""
    keys = trial_keys(index.prefixes)
    require_isolation(server, keys)
    read, remove = ("HGET", "HDEL") if index.storage is Storage.HASH else ("JSON.GET", "JSON.DEL")
    for key in keys:
        require_allowed(server, [("EXISTS", key), (read, key, "field"), (remove, key, "field")])


def _keys(server: Server, index: IndexDefinition) -> Iterator[Sequence[bytes]]:
    return iterate_keys(server, index, read_stats(server, index.name), BATCH)


def _paths_in(server: Server, storage: Storage, keys: Sequence[bytes], originals: Mapping[str, str]) -> Iterator[str]:
    """Yield the paths of all versions of fields that documents have, for each document that has one."""
    if storage is Storage.HASH:
        commands: list[Command] = [("HKEYS", key) for key in keys]
        parents: Sequence[tuple[Any, ...]] = [()] * len(keys)
    else:
        of_fields = list(dict.fromkeys(tuple(split_path(path)[0][:-1]) for path in originals.values()))
        parents = of_fields * len(keys)
        commands = [("JSON.OBJKEYS", key, encode(join_path(each))) for key in keys for each in of_fields]
    for parent, reply in zip(parents, require_allowed(server, commands), strict=True):
        for name in _names(reply):
            path = name if storage is Storage.HASH else join_path((*parent, name))
            if shadow_version(storage, path) > 1 and shadow_path(storage, path, 1) in originals:
                yield path


def _names(reply: Any) -> Iterator[str]:
    """Yield the names in a reply: of a hash, or of the one object that a JSON path leads to."""
    for each in reply if isinstance(reply, list) else ():
        if isinstance(each, bytes):
            yield text(each)
        else:
            yield from _names(each)


def _needed_paths(journal: Journal) -> Iterable[str]:
    """Return the paths that a migration has not done with."""
    if journal.progress.undo is RollbackStatus.DONE or mode_of(journal.plan).state(journal) == "finalized":
        return ()
    paths = shadow_paths(journal.plan)
    return (*paths, *paths.values())
