"""Removing shadow fields: the way back to documents as they were before a run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from attrs import evolve

from fieldfare.backup import OVERWRITTEN
from fieldfare.documents import EXAMPLES, Batch, Column, Note
from fieldfare.engine.concurrent.external_values import problem_notes
from fieldfare.engine.concurrent.updates import CONTENDED
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.back_conversion import convert_back
from fieldfare.engine.shadow_fields.conversion import read_shadowed
from fieldfare.engine.shadow_fields.new_names import former_values
from fieldfare.engine.shadow_fields.synchronization import FieldSynchronization
from fieldfare.engine.shadow_pairs.synchronization import ATTEMPTS
from fieldfare.engine.shadow_paths import moved_paths, shadow_paths
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
        others = {found.keys[row] for row in found.outdated()}
        outdated += sorted(others)
        settled = [row for row, key in enumerate(found.keys) if key not in others and key not in former]
        written, changed = _remove_as_read(run, found.shadows.select(settled, found.shadows.columns))
        removed += written
        outdated += changed
        run.advance(len(keys))
    synchronization = FieldSynchronization(run)
    own_values = synchronization.written_by_applications(outdated)
    noted = set[bytes]().union(*own_values.values())
    converted, left = set[bytes](), set[bytes]()
    paths = shadow_paths(run.plan)
    not_moved = paths.keys() - moved_paths(run.plan)

    def convert(keys: Sequence[bytes], paths: Collection[str]) -> None:
        done = convert_back(run, synchronization.history, keys, paths)
        for kind, found in zip((converted, left), done, strict=True):
            kind.update(found)

    own_and_former = [key for key in outdated if not_moved and key in former and key in noted]
    for start in range(0, len(own_and_former), run.options.batch_size):
        part = own_and_former[start : start + run.options.batch_size]
        _save(run, part, part)
        convert(part, not_moved)  # what they have under new names is dealt with below
    outdated = [key for key in outdated if key not in former]
    for start in range(0, len(outdated), run.options.batch_size):
        part = outdated[start : start + run.options.batch_size]
        own = [key for key in part if key in noted]
        for _ in range(ATTEMPTS):
            shadows = _save(run, part, own)
            convert(own, paths)
            written, part = _remove_as_read(run, shadows)
            removed += written
            own = part  # by an application, since they were saved
            if not part:
                break
        run.note(problem_notes({CONTENDED: part}))
    restored = set[bytes]()
    for batch in former_values(run):
        removed += _restore(run, batch, own_values, restored)
        restored.update(batch.keys)
    _note(run, converted - left, CONVERTED_BACK)
    _note(run, left, NEW_FORM)
    return removed


def _note(run: ActiveRun, keys: Collection[bytes], kind: str) -> None:
    if keys:
        examples = tuple(sorted(keys)[:EXAMPLES])
        run.note([Note(kind, "", len(keys), examples, detail=f"in the backup as {OVERWRITTEN!r}")])


def _save(run: ActiveRun, keys: Sequence[bytes], own: Collection[bytes]) -> Batch:
    """Read the shadow fields of some documents; those of some among them go to the backup, with their originals."""
    paths = shadow_paths(run.plan)
    found, _ = read_documents(run.server, run.source.storage, keys, [*paths, *paths.values()])
    rows = [row for row, key in enumerate(found.keys) if key in own]
    if rows:
        run.store.append(OVERWRITTEN, found.select(rows, found.columns))
        run.store.sync()
    return found.select(range(len(found)), list(paths.values()))


def _remove_as_read(run: ActiveRun, shadows: Batch) -> tuple[int, list[bytes]]:
    """Remove shadow fields that are as they were read; return how many documents had some, and which have others."""
    rows = [row for row in range(len(shadows)) if any(column[row] is not None for column in shadows.columns.values())]
    there = shadows.select(rows, shadows.columns)
    if not rows:
        return 0, []
    run.check()
    nothing = Column.of([None] * len(rows))
    write = GuardedWrite(Batch(there.keys, dict.fromkeys(there.columns, nothing)), before=there)
    result = write_guarded(run.server, run.source.storage, write, shadow_paths(run.plan))
    return result.written, list(result.changed)


def _restore(run: ActiveRun, former: Batch, kept: Mapping[str, Collection[bytes]], restored: Collection[bytes]) -> int:
    """Give documents back what they had under new names before the run, and remove their other shadow fields.

    Args:
        run: the rollback.
        former: values that the documents get back.
        kept: path of a shadow field → keys of documents that keep what they have there, not their former value.
        restored: documents that have former values of other fields again.
    """
    paths = shadow_paths(run.plan)
    found, _ = read_documents(run.server, run.source.storage, former.keys, list(paths.values()))
    rows = [row for row in range(len(found)) if any(column[row] is not None for column in found.columns.values())]
    there = [found.keys[row] for row in rows]
    run.check()
    found = found.select(rows, found.columns)
    after = {path: Column.of([None] * len(there)) for path in paths.values()}
    row_of = {key: row for row, key in enumerate(former.keys)}
    for path, column in former.columns.items():
        values = [(key, now, column[row_of[key]]) for key, now in zip(there, found[path], strict=True)]
        after[path] = Column.of(
            now if key in (restored if value is None else kept[path]) else value for key, now, value in values
        )
    before = found.select(range(len(there)), list(former.columns))
    write = GuardedWrite(Batch(tuple(there), after), before)
    return write_guarded(run.server, run.source.storage, write, paths).written


def every_document(run: ActiveRun) -> Iterator[Sequence[bytes]]:
    """Yield the keys of all documents of the source, as it answers now.

    With a FILTER, those that were captured come first: the index may cover others now.
    """
    live = evolve(run.source, name=run.journal.progress.restored_as or run.source.name)
    if live.filter is not None:
        yield from run.captured_keys()
    yield from iterate_keys(run.server, live, read_stats(run.server, live.name), run.options.batch_size)
