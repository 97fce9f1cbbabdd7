"""Removing shadow fields: the way back to documents as they were before a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import evolve

from fieldfare.documents import Batch, Column
from fieldfare.engine.concurrent.external_values import problem_notes
from fieldfare.engine.concurrent.updates import CONTENDED
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.conversion import ATTEMPTS
from fieldfare.engine.shadow_paths import shadow_paths
from fieldfare.server.document_reader import read_documents
from fieldfare.server.guarded_write import GuardedWrite, write_guarded
from fieldfare.server.inspect import read_stats
from fieldfare.server.keys import iterate_keys

__all__ = ["every_document", "remove_shadow_fields"]


def remove_shadow_fields(run: ActiveRun) -> int:
    """Remove the shadow fields of every document; their originals were never touched.

    Returns:
        How many documents had one.
    """
    paths = shadow_paths(run.plan)
    removed = 0
    for batch_keys in every_document(run):
        keys: Sequence[bytes] = batch_keys
        for _ in range(ATTEMPTS):
            found, _ = read_documents(run.server, run.source.storage, keys, list(paths.values()))
            rows = [
                row for row in range(len(found)) if any(column[row] is not None for column in found.columns.values())
            ]
            if not rows:
                keys = ()
                break
            before = found.select(rows, found.columns)
            nothing = Batch(before.keys, {path: Column.of([None] * len(rows)) for path in before.columns})
            run.check()
            result = write_guarded(run.server, run.source.storage, GuardedWrite(nothing, before), paths)
            removed += result.written
            keys = result.changed
            if not keys:
                break
        if keys:
            run.note(problem_notes({CONTENDED: keys}))
        run.advance(len(batch_keys))
    return removed


def every_document(run: ActiveRun) -> Iterator[Sequence[bytes]]:
    """Yield the keys of all documents of the source, as it answers now.

    With a FILTER, those that were captured come first: the index may cover others by now.
    """
    live = evolve(run.source, name=run.journal.progress.restored_as or run.source.name)
    if live.filter is not None:
        yield from run.captured_keys()
    yield from iterate_keys(run.server, live, read_stats(run.server, live.name), run.options.batch_size)
