"""Removing shadow fields: the way back to documents as they were before a run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from attrs import evolve

from fieldfare.backup import OVERWRITTEN
from fieldfare.documents import EXAMPLES, Batch, Column, Note
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.back_conversion import convert_back
from fieldfare.engine.shadow_fields.conversion import read_shadowed
from fieldfare.engine.shadow_fields.new_names import former_values
from fieldfare.engine.shadow_fields.synchronization import Synchronization
from fieldfare.engine.shadow_paths import shadow_paths
from fieldfare.server.document_reader import read_documents
from fieldfare.server.guarded_write import GuardedWrite, write_guarded
from fieldfare.server.inspect import read_stats
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
    has written there since.

    Returns:
        How many documents had one.
    """
    removed, outdated = 0, []
    former = {key for batch in former_values(run) for key in batch.keys}
    for keys in every_document(run):
        found, _ = read_shadowed(run, keys)
        others = {found.originals.keys[row] for row in found.outdated()}
        outdated += sorted(others)
        removed += _remove(run, [key for key in found.originals.keys if key not in others and key not in former])
        run.advance(len(keys))
    synchronization = Synchronization(run)
    _, theirs = synchronization.divide(outdated)
    noted = set(theirs)
    converted, left = list[bytes](), list[bytes]()
    outdated = [key for key in outdated if key not in former]
    for start in range(0, len(outdated), run.options.batch_size):
        part = outdated[start : start + run.options.batch_size]
        own = [key for key in part if key in noted]
        _save(run, own)
        for kind, found_keys in zip((converted, left), convert_back(run, synchronization.history, own), strict=True):
            kind.extend(found_keys)
        removed += _remove(run, part)
    for batch in former_values(run):
        removed += _remove(run, batch.keys, batch, noted)
    _note(run, converted, CONVERTED_BACK)
    _note(run, left, NEW_FORM)
    return removed


def _note(run: ActiveRun, keys: Collection[bytes], kind: str) -> None:
    if keys:
        examples = tuple(sorted(keys)[:EXAMPLES])
        run.note([Note(kind, "", len(keys), examples, detail=f"in the backup as {OVERWRITTEN!r}")])


def _save(run: ActiveRun, keys: Sequence[bytes]) -> None:
    if keys:
        paths = shadow_paths(run.plan)
        found, _ = read_documents(run.server, run.source.storage, keys, [*paths, *paths.values()])
        run.store.append(OVERWRITTEN, found)
        run.store.sync()


def _remove(run: ActiveRun, keys: Sequence[bytes], former: Batch | None = None, kept: Collection[bytes] = ()) -> int:
    """Remove the shadow fields of some documents, whatever they hold.

    Args:
        run: the rollback.
        keys: of the documents.
        former: values that the documents get back.
        kept: documents that keep what they have where they had a former value.
    """
    paths = shadow_paths(run.plan)
    if not keys:
        return 0
    found, _ = read_documents(run.server, run.source.storage, keys, list(paths.values()))
    rows = [row for row in range(len(found)) if any(column[row] is not None for column in found.columns.values())]
    there = [found.keys[row] for row in rows]
    run.check()
    found = found.select(rows, found.columns)
    after = {path: Column.of([None] * len(there)) for path in paths.values()}
    before = None
    if former is not None:
        row_of = {key: row for row, key in enumerate(former.keys)}
        for path, column in former.columns.items():
            pairs = [(now, column[row_of[key]], key in kept) for key, now in zip(there, found[path], strict=True)]
            after[path] = Column.of(now if is_kept and value is not None else value for now, value, is_kept in pairs)
        before = found.select(range(len(there)), list(former.columns))
    write = GuardedWrite(Batch(tuple(there), after), before)
    return write_guarded(run.server, run.source.storage, write, paths).written


def every_document(run: ActiveRun) -> Iterator[Sequence[bytes]]:
    """Yield the keys of all documents of the source, as it answers now.

    With a FILTER, those that were captured come first: the index may cover others by now.
    """
    live = evolve(run.source, name=run.journal.progress.restored_as or run.source.name)
    if live.filter is not None:
        yield from run.captured_keys()
    yield from iterate_keys(run.server, live, read_stats(run.server, live.name), run.options.batch_size)
