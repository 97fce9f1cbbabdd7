"""Removing originals when a run is finalized, after they are in the backup; and writing them back on a rollback."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import chain
from typing import Final

from attrs import define, field

from fieldfare.backup import CONCURRENT_UPDATES, REMOVED_ORIGINALS, REWRITE
from fieldfare.documents import Batch, Column
from fieldfare.engine.concurrent.external_values import problem_notes
from fieldfare.engine.index import wait_while_indexing
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.conversion import ShadowedDocuments, read_shadowed
from fieldfare.engine.shadow_fields.history import FieldHistory
from fieldfare.engine.shadow_fields.repeated_write import write_repeatedly
from fieldfare.engine.shadow_fields.synchronization import FieldSynchronization
from fieldfare.engine.shadow_paths import shadow_paths
from fieldfare.server.document_reader import read_documents
from fieldfare.server.guarded_write import GuardedWrite, write_guarded
from fieldfare.server.keys import iterate_keys

__all__ = ["remove_originals", "write_originals"]

OLD_FORM: Final = "written in the old form only"
"""The kind of notes about documents that have no shadow field."""


def remove_originals(run: ActiveRun) -> int:
    """Remove the originals of documents that have their shadow fields; what the backup lacks is saved first.

    What an application has written to an original in the meantime is converted before.

    Returns:
        How many documents had one.
    """
    removal = _Removal(run, _SavedOriginals(run))
    for batch in chain.from_iterable(shard.iter_batches(REWRITE) for shard in run.store.shards):
        removal.remove(batch.keys, batch)
        run.advance(len(batch))
    stats = wait_while_indexing(run, run.target.name)
    for keys in iterate_keys(run.server, run.target, stats, run.options.batch_size):  # those that were added since
        if left := _keys_with_originals(run, keys):
            removal.remove(left)
    removal.remove_outdated()
    return removal.removed


@define
class _Removal:
    """Removes originals.

    Attributes:
        run: the run.
        saved: what the backup holds.
        removed: how many documents were written.
        outdated: documents whose shadow fields are not what their originals become: who wrote which is to be found out.
    """

    run: ActiveRun
    saved: _SavedOriginals
    removed: int = 0
    outdated: set[bytes] = field(init=False, factory=set)

    def remove(self, keys: Sequence[bytes], dumped: Batch | None = None) -> None:
        """Remove the originals of those documents whose shadow fields are what these become; remember the others."""

        def decide(keys: Sequence[bytes]) -> GuardedWrite | None:
            found = _with_originals(read_shadowed(self.run, keys)[0])
            outdated = set(found.outdated())
            self.outdated.update(found.keys[row] for row in outdated)
            return self._removal(found.select([row for row in range(len(found.keys)) if row not in outdated]), dumped)

        self.removed += _write(self.run, keys, decide)

    def remove_outdated(self) -> None:
        """Convert documents whose originals applications have written, and remove these originals, too."""
        FieldSynchronization(self.run, remembers=True).settle(sorted(self.outdated), self._remove_settled)

    def _remove_settled(self, found: ShadowedDocuments) -> Sequence[bytes]:
        """Remove originals that are as they were read; return the keys of the other documents."""
        write = self._removal(_with_originals(found), None)
        if write is None:
            return ()
        self.run.check()
        result = write_guarded(self.run.server, self.run.source.storage, write, _guarded_fields(self.run))
        self.removed += result.written
        return result.changed

    def _removal(self, found: ShadowedDocuments, dumped: Batch | None) -> GuardedWrite | None:
        """Save originals, and return what removes them from documents with shadow fields; None for no documents."""
        originals, shadows = found.originals, found.shadows
        if not originals.keys:
            return None
        self.saved.save(originals, dumped)
        pairs = [(old, originals[old], shadows[new]) for old, new in shadow_paths(self.run.plan).items()]
        without = [
            key
            for row, key in enumerate(originals.keys)
            if any(original[row] is not None and shadow[row] is None for _, original, shadow in pairs)
        ]
        new = self.saved.take_new(without)
        if new:
            self.run.note(problem_notes({OLD_FORM: new}))
        after = {
            old: Column.of(value if kept is None else None for value, kept in zip(original, shadow, strict=True))
            for old, original, shadow in pairs
        }
        return GuardedWrite(Batch(originals.keys, after), before=originals, guards=shadows)


def _with_originals(found: ShadowedDocuments) -> ShadowedDocuments:
    columns = found.originals.columns.values()
    return found.select([row for row in range(len(found.keys)) if any(each[row] is not None for each in columns)])


def _keys_with_originals(run: ActiveRun, keys: Sequence[bytes]) -> list[bytes]:
    """Return the keys of documents that have an original. Shadow fields are not read: most have none any more."""
    found, _ = read_documents(run.server, run.source.storage, keys, list(shadow_paths(run.plan)))
    columns = found.columns.values()
    return [key for row, key in enumerate(found.keys) if any(each[row] is not None for each in columns)]


def _write(run: ActiveRun, keys: Sequence[bytes], decide: Callable[[Sequence[bytes]], GuardedWrite | None]) -> int:
    """Write originals, guarded by their shadow fields; return how many documents were written."""
    return write_repeatedly(run, keys, decide, _guarded_fields(run))[0]


def _guarded_fields(run: ActiveRun) -> Mapping[str, str]:
    """Return path of a shadow field → path of its original, which is written while the former stays."""
    return {new: old for old, new in shadow_paths(run.plan).items()}


def write_originals(run: ActiveRun) -> int:
    """Write originals back to documents that have shadow fields and no originals: of each document the latest one.

    Returns:
        How many documents were written.
    """
    written, history = 0, FieldHistory(run)
    for batch in _latest_first(run):
        written += _write_back(run, batch, history)
        history.forget(batch.keys)
        run.advance(len(batch))
    return written


def _latest_first(run: ActiveRun) -> Iterator[Batch]:
    """Yield the originals that the backup holds; a document may be in several batches."""
    store = run.store
    for tag in (REMOVED_ORIGINALS, CONCURRENT_UPDATES):
        for number in reversed(range(store.count(tag))):
            yield next(iter(store.iter_batches(tag, number)))
    for shard in store.shards:
        yield from shard.iter_batches(REWRITE)


def _write_back(run: ActiveRun, batch: Batch, history: FieldHistory) -> int:
    paths = shadow_paths(run.plan)
    row_of = {key: row for row, key in enumerate(batch.keys)}

    def decide(keys: Sequence[bytes]) -> GuardedWrite:
        found, _ = read_documents(run.server, run.source.storage, keys, [*paths, *paths.values()])
        restored = {
            old: Column.of(
                batch[old][row_of[key]] if original is None and shadow is not None else None
                for key, original, shadow in zip(found.keys, found[old], found[new], strict=True)
            )
            for old, new in paths.items()
        }
        history.record_restored(Batch(found.keys, restored), found)
        after = {
            old: Column.of(now if value is None else value for now, value in zip(found[old], column, strict=True))
            for old, column in restored.items()
        }
        return GuardedWrite(Batch(found.keys, after), before=found, guards=found)

    return _write(run, batch.keys, decide)


class _SavedOriginals:
    """The originals that the backup holds besides the dump.

    Memory: about 150 bytes for each document that has such.
    """

    def __init__(self, run: ActiveRun) -> None:
        self._run = run
        self._latest: dict[bytes, bytes] = {}
        self._noted: set[bytes] = set()
        for tag in (CONCURRENT_UPDATES, REMOVED_ORIGINALS):
            for batch in run.store.iter_batches(tag):
                self._latest |= {key: _digest(batch, row) for row, key in enumerate(batch.keys)}

    def take_new(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return those keys that no earlier call was given."""
        new = [key for key in keys if key not in self._noted]
        self._noted.update(new)
        return new

    def save(self, originals: Batch, dumped: Batch | None) -> None:
        """Save those that are not the latest ones which the backup holds of their documents, durably."""
        row_of: Mapping[bytes, int] = {key: row for row, key in enumerate(dumped.keys)} if dumped is not None else {}
        new = []
        for row, key in enumerate(originals.keys):
            latest = self._latest.get(key)
            if latest is not None:
                is_saved = latest == _digest(originals, row)
            else:
                is_saved = dumped is not None and all(
                    column[row] == dumped[path][row_of[key]] for path, column in originals.columns.items()
                )
            if not is_saved:
                new.append(row)
        if new:
            self._run.store.append(REMOVED_ORIGINALS, originals.select(new, originals.columns))
            self._run.store.sync()
            self._latest |= {originals.keys[row]: _digest(originals, row) for row in new}


def _digest(originals: Batch, row: int) -> bytes:
    """Return a digest of a document's key and originals."""
    state = blake2b(originals.keys[row], digest_size=16)
    for path in sorted(originals.columns):
        value = originals[path][row]
        state.update(b"-" if value is None else b"%d:%b" % (len(value), value))
    return state.digest()
