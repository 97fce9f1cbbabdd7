"""Removing shadow fields: the way back to documents as they were before a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from attrs import evolve

from fieldfare.backup import OVERWRITTEN
from fieldfare.documents import EXAMPLES, Batch, Column, Note
from fieldfare.engine.run import ActiveRun
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
"""The kind of notes about documents whose shadow field an application wrote itself."""


def remove_shadow_fields(run: ActiveRun) -> int:
    """Remove the shadow fields of every document; their originals were never touched.

    What applications wrote to shadow fields themselves goes to the backup first, as ``OVERWRITTEN``, and is noted.
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
    _, theirs = Synchronization(run).divide(outdated)
    size, noted = run.options.batch_size, set(theirs)
    for start in range(0, len(outdated), size):
        part = [key for key in outdated[start : start + size] if key not in former]
        _save(run, [key for key in part if key in noted])
        removed += _remove(run, part)
    for batch in former_values(run):
        removed += _remove(run, [key for key in batch.keys if key not in noted], batch)
    theirs = [key for key in theirs if key not in former]
    if theirs:
        note = Note(NEW_FORM, "", len(theirs), tuple(theirs[:EXAMPLES]), detail=f"in the backup as {OVERWRITTEN!r}")
        run.note([note])
    return removed


def _save(run: ActiveRun, keys: Sequence[bytes]) -> None:
    if keys:
        found, _ = read_documents(run.server, run.source.storage, keys, list(shadow_paths(run.plan).values()))
        run.store.append(OVERWRITTEN, found)
        run.store.sync()


def _remove(run: ActiveRun, keys: Sequence[bytes], former: Batch | None = None) -> int:
    """Remove the shadow fields of some documents, whatever they hold; with former values, give them these back."""
    paths = shadow_paths(run.plan)
    if not keys:
        return 0
    found, _ = read_documents(run.server, run.source.storage, keys, list(paths.values()))
    rows = [row for row in range(len(found)) if any(column[row] is not None for column in found.columns.values())]
    there = [found.keys[row] for row in rows]
    run.check()
    after = {path: Column.of([None] * len(there)) for path in paths.values()}
    if former is not None:
        row_of = {key: row for row, key in enumerate(former.keys)}
        after |= {path: Column.of(column[row_of[key]] for key in there) for path, column in former.columns.items()}
    return write_guarded(run.server, run.source.storage, GuardedWrite(Batch(tuple(there), after)), paths).written


def every_document(run: ActiveRun) -> Iterator[Sequence[bytes]]:
    """Yield the keys of all documents of the source, as it answers now.

    With a FILTER, those that were captured come first: the index may cover others by now.
    """
    live = evolve(run.source, name=run.journal.progress.restored_as or run.source.name)
    if live.filter is not None:
        yield from run.captured_keys()
    yield from iterate_keys(run.server, live, read_stats(run.server, live.name), run.options.batch_size)
