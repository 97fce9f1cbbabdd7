"""Removing shadow fields: the way back to documents as they were before a run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from attrs import define, evolve, field

from fieldfare.backup import OVERWRITTEN
from fieldfare.documents import EXAMPLES, Batch, Column, Note
from fieldfare.engine.concurrent.external_values import problem_notes
from fieldfare.engine.concurrent.updates import CONTENDED
from fieldfare.engine.index import wait_while_indexing
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.back_conversion import convert_back
from fieldfare.engine.shadow_fields.conversion import ShadowedDocuments, read_shadowed
from fieldfare.engine.shadow_fields.new_names import former_values
from fieldfare.engine.shadow_fields.synchronization import FieldSynchronization
from fieldfare.engine.shadow_pairs.synchronization import ATTEMPTS
from fieldfare.engine.shadow_paths import moved_paths, shadow_paths
from fieldfare.server.guarded_write import GuardedWrite, write_guarded
from fieldfare.server.keys import iterate_keys

__all__ = ["every_document", "remove_shadow_fields"]

NEW_FORM: Final = "written in the new form"
"""The kind of notes about documents whose shadow field an application wrote itself, and that lose this value."""

CONVERTED_BACK: Final = "converted back"
"""The kind of notes about documents whose shadow field an application wrote itself, and whose original has it now."""


def remove_shadow_fields(run: ActiveRun) -> int:
    """Remove the shadow fields of every document; their originals were never touched.

    What applications wrote to shadow fields themselves goes to the backup first, as ``OVERWRITTEN``, and is noted. It
    is converted back and written to the original, if nobody has written that since it was last converted, and the
    plugins know the way back.
    Where a document had a value under the new name of a field before the run, it has that again, or what an application
    has written there since, which is converted back, too.

    Returns:
        How many documents had one.
    """
    removal = _Removal(run, FieldSynchronization(run), _keys_with_former_values(run))
    with_former = set[bytes]().union(*removal.former.values())
    for keys in every_document(run):
        removal.remove_converted([key for key in keys if key not in with_former])
        run.advance(len(keys))
    for batch in former_values(run):
        removal.remove_converted(batch.keys, batch)
    removal.synchronization.load(removal.outdated)
    removal.remove_outdated([key for key in removal.outdated if key not in with_former])
    for batch in former_values(run):
        removal.remove_outdated([key for key in batch.keys if key in removal.outdated], batch)
    removal.note()
    return removal.removed


def _keys_with_former_values(run: ActiveRun) -> Mapping[str, Collection[bytes]]:
    keys = {path: set[bytes]() for path in moved_paths(run.plan).values()}
    for batch in former_values(run):
        for path, column in batch.columns.items():
            keys[path].update(key for key, value in zip(batch.keys, column, strict=True) if value is not None)
    return keys


@define
class _Removal:
    """Removes shadow fields, and restores former values.

    Attributes:
        run: the rollback.
        synchronization: knows who wrote a shadow field.
        former: path of a shadow field → keys of the documents that had a value there before the run.
        removed: how many documents were written.
        outdated: documents with a shadow field that is not what its original becomes: who wrote which is to be found
            out.
        converted: documents of which an original was written, from a shadow field that an application wrote.
        left: documents that lose what an application wrote to a shadow field.
        kept: path of a shadow field → key → what an application wrote over a former value, and what stays.
    """

    run: ActiveRun
    synchronization: FieldSynchronization
    former: Mapping[str, Collection[bytes]]
    removed: int = 0
    outdated: dict[bytes, None] = field(init=False, factory=dict)
    converted: set[bytes] = field(init=False, factory=set)
    left: set[bytes] = field(init=False, factory=set)
    kept: defaultdict[str, dict[bytes, bytes]] = field(init=False, factory=lambda: defaultdict(dict))

    def __attrs_post_init__(self) -> None:
        """Know what this rollback has done before it was interrupted."""
        for batch in self.run.store.iter_batches(OVERWRITTEN):
            self._keep(batch)

    def remove_converted(self, keys: Sequence[bytes], former: Batch | None = None) -> None:
        """Remove the shadow fields of documents if they are what their originals become; remember the other documents.

        Args:
            keys: the keys of the documents.
            former: the values that these get back.
        """
        found, _ = read_shadowed(self.run, keys)
        wanted = self._wanted(found, former)
        columns = [
            (found.originals[old], found.shadows[new], found.converted[new], wanted[new])
            for old, new in shadow_paths(self.run.plan).items()
        ]
        others = {
            key
            for row, key in enumerate(found.keys)
            if any(_is_outdated(*(column[row] for column in each)) for each in columns)
        }
        changed = self._write([row for row, key in enumerate(found.keys) if key not in others], found, wanted)
        self.outdated |= dict.fromkeys([*sorted(others), *changed])

    def remove_outdated(self, keys: Sequence[bytes], former: Batch | None = None) -> None:
        """Save what applications wrote to shadow fields, convert it back, and remove the shadow fields.

        About a document that is written in between, all is decided again.

        Args:
            keys: the keys of documents whose history is loaded.
            former: the values that these get back, except where an application has written another one.
        """
        for start in range(0, len(keys), self.run.options.batch_size):
            part = keys[start : start + self.run.options.batch_size]
            for _ in range(ATTEMPTS):
                part = self._attempt(part, former) if part else ()
            self.run.note(problem_notes({CONTENDED: part}))

    def note(self) -> None:
        """Note what became of values that applications wrote."""
        for kind, keys in ((CONVERTED_BACK, self.converted - self.left), (NEW_FORM, self.left)):
            if keys:
                examples = tuple(sorted(keys)[:EXAMPLES])
                self.run.note([Note(kind, "", len(keys), examples, detail=f"in the backup as {OVERWRITTEN!r}")])

    def _attempt(self, keys: Sequence[bytes], former: Batch | None) -> Sequence[bytes]:
        """Write documents that are as they were read; return the keys of those that were changed meanwhile."""
        found, _ = read_shadowed(self.run, keys)
        theirs, wanted = self.synchronization.find_theirs(found), self._wanted(found, former)
        self._convert_back(found, self._newer(found, wanted, theirs))
        columns = {
            path: Column.of(
                now if key in theirs[path] and after is not None else after
                for key, now, after in zip(found.keys, found.shadows[path], column, strict=True)
            )
            for path, column in wanted.columns.items()
        }
        return self._write(range(len(found.keys)), found, Batch(found.keys, columns))

    def _newer(
        self, found: ShadowedDocuments, wanted: Batch, theirs: Mapping[str, Collection[bytes]]
    ) -> Mapping[str, Collection[bytes]]:
        """Return path of a shadow field → the keys of documents with a value that an application wrote."""
        newer: dict[str, Collection[bytes]] = {}
        for old, new in shadow_paths(self.run.plan).items():
            columns = (found.originals[old], found.shadows[new], wanted[new])
            newer[new] = {
                key
                for key, original, now, after in zip(found.keys, *columns, strict=True)
                if key in theirs[new]
                and now is not None
                and (now != after or self.synchronization.history.replaces_converted(old, key, original, now))
            }
        return newer

    def _wanted(self, found: ShadowedDocuments, former: Batch | None) -> Batch:
        """Return what the shadow fields are to hold if no application wrote them.

        Where a document has a former value in another batch, or an application wrote over it, that is what they hold
        now.
        """
        row_of = {} if former is None else {key: row for row, key in enumerate(former.keys)}
        columns = {}
        for path, column in found.shadows.columns.items():
            values = former[path] if former is not None and path in former.columns else None
            others = self.former.get(path, ())
            wanted = list[bytes | None]()
            for key, now in zip(found.keys, column, strict=True):
                value = None if values is None else values[row_of[key]]
                is_kept = key in others and (value is None or self.kept[path].get(key, b"") == now)
                wanted.append(now if is_kept else value)
            columns[path] = Column.of(wanted)
        return Batch(found.keys, columns)

    def _convert_back(self, found: ShadowedDocuments, newer: Mapping[str, Collection[bytes]]) -> None:
        """Save documents, and write to their originals what applications wrote to their shadow fields."""
        own = set[bytes]().union(*newer.values())
        rows = [row for row, key in enumerate(found.keys) if key in own]
        if not rows:
            return
        theirs = {
            path: Column.of(now if key in newer[path] else None for key, now in zip(found.keys, column, strict=True))
            for path, column in found.shadows.columns.items()
        }
        saved = Batch(found.keys, {**found.originals.columns, **theirs}).select(
            rows, [*found.originals.columns, *theirs]
        )
        self.run.store.append(OVERWRITTEN, saved)
        self.run.store.sync()
        self._keep(saved)
        self.left -= own
        keys_of = {old: newer[new] for old, new in shadow_paths(self.run.plan).items()}
        converted, left = convert_back(self.run, self.synchronization.history, keys_of)
        self.converted.update(converted)
        self.left.update(left)

    def _record_restored(self, before: Batch, wanted: Batch) -> None:
        """Remember which former values are about to be restored: no application has written these."""
        columns = {
            path: Column.of(
                after if after != now and key in others else None
                for key, now, after in zip(before.keys, before[path], wanted[path], strict=True)
            )
            for path, others in self.former.items()
        }
        rows = [row for row in range(len(before)) if any(column[row] is not None for column in columns.values())]
        if rows:
            self.synchronization.history.record_former(Batch(before.keys, columns).select(rows, columns))

    def _keep(self, saved: Batch) -> None:
        """Remember what applications wrote over former values."""
        for path, others in self.former.items():
            values = zip(saved.keys, saved[path], strict=True)
            self.kept[path] |= {key: value for key, value in values if value is not None and key in others}

    def _write(self, rows: Sequence[int], found: ShadowedDocuments, wanted: Batch) -> Sequence[bytes]:
        """Write shadow fields that are as they were read; return the keys of documents that have others."""
        rows = [row for row in rows if any(column[row] is not None for column in found.shadows.columns.values())]
        if not rows:
            return ()
        self.run.check()
        before = found.shadows.select(rows, found.shadows.columns)
        self._record_restored(before, wanted.select(rows, wanted.columns))
        write = GuardedWrite(wanted.select(rows, wanted.columns), before)
        result = write_guarded(self.run.server, self.run.source.storage, write, shadow_paths(self.run.plan))
        self.removed += result.written
        return result.changed


def _is_outdated(original: bytes | None, shadow: bytes | None, converted: bytes | None, after: bytes | None) -> bool:
    """Whether it has to be found out who wrote a shadow field; one without an original may stay as it is."""
    return shadow != converted and (shadow != after or (original is not None and shadow is not None))


def every_document(run: ActiveRun) -> Iterator[Sequence[bytes]]:
    """Yield the keys of all documents of the source, as it answers now.

    With a FILTER, those that were captured come first: the index may cover others now.
    """
    live = evolve(run.source, name=run.journal.progress.restored_as or run.source.name)
    if live.filter is not None:
        yield from run.captured_keys()
    stats = wait_while_indexing(run, live.name)
    yield from iterate_keys(run.server, live, stats, run.options.batch_size)
