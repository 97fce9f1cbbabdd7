"""The rewrite pass: originals from the backup, every transform in order, one write per document."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from attrs import evolve

from fieldfare.backup import CONCURRENT_UPDATES, REWRITE, Shard
from fieldfare.documents import Note
from fieldfare.engine.concurrent.external_values import problem_notes
from fieldfare.engine.concurrent.saved_values import SavedValues
from fieldfare.engine.concurrent.updates import CONTENDED, UPDATED, UnconvertedUpdates, convert_concurrent_updates
from fieldfare.engine.concurrent.value_history import ValueState, ValueVersion, find_origins, value_versions
from fieldfare.engine.rewrite_pass import RewritePass
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.workers import map_shards
from fieldfare.errors import UnconvertibleDocuments
from fieldfare.plan import Receipt
from fieldfare.server.document_reader import read_bounded_batches, read_documents
from fieldfare.server.document_writer import ConditionalWrite, write_batches
from fieldfare.support.read_ahead import read_ahead

__all__ = ["dump", "refuse_unconvertible", "rewrite", "verify"]


def dump(run: ActiveRun, work: RewritePass) -> None:
    """Write every original to the backup, and rehearse every transform. Changes nothing on Redis.

    Raises:
        PluginBroken: a transform raised on some document.
    """
    run.store.split(run.options.workers)
    map_shards(run, lambda shard: _dump(run, work, shard))


def _dump(run: ActiveRun, work: RewritePass, shard: Shard) -> None:
    keys = run.store.iter_keys(shard.start, shard.stop)
    for batch, problems in read_ahead(read_bounded_batches(run.server, run.source.storage, keys, list(work.paths))):
        shard.append(REWRITE, batch)
        rehearsed = run.transformed(batch)
        with run.guard:
            run.note([*rehearsed.notes, *problem_notes(problems)])
            progress = run.journal.progress
            run.journal.progress = evolve(progress, dump_completed_batches=progress.dump_completed_batches + 1)
            run.advance(len(batch))
        del batch, rehearsed  # before the next one is read: together they may be large


def refuse_unconvertible(run: ActiveRun) -> None:
    """Stop, with the index untouched, if documents hold values that a step cannot convert.

    Raises:
        UnconvertibleDocuments: with a line for each kind of problem.
    """
    blocking = [
        note
        for note in run.journal.progress.notes
        if note.blocking and not (note.allow and note.allow in run.options.allow)
    ]
    if blocking:
        allowed = {note.allow for note in blocking}
        override = (
            " ".join(f"--allow-{name}" for name in sorted(filter(None, allowed))) if None not in allowed else None
        )
        raise UnconvertibleDocuments([_describe(note) for note in blocking], override=override)


def rewrite(run: ActiveRun, work: RewritePass) -> list[Receipt]:
    """Write the new values of every document, from where the journal says that the pass stopped.

    What an application has written since the dump is not overwritten: it is saved, and converted as well.
    """
    saved = SavedValues(run.store, CONCURRENT_UPDATES)
    map_shards(run, lambda shard: _rewrite(run, work, shard, saved))
    records = run.journal.progress.steps
    return [Receipt(step.id, documents=records[step.id].documents) for step in work.steps]


def _rewrite(run: ActiveRun, work: RewritePass, shard: Shard, saved: SavedValues) -> None:
    steps = [step.id for step in work.steps]
    start = min(run.journal.progress.steps[step].completed_batches_of(shard.number) for step in steps)
    under_way: deque[ValueVersion] = deque()

    def versions() -> Iterator[ValueVersion]:
        for batch in shard.iter_batches(REWRITE, start):
            yield ValueVersion(batch, run.transformed(batch))

    def replacements() -> Iterator[ConditionalWrite]:
        for version in read_ahead(versions()):
            under_way.append(version)
            yield ConditionalWrite(version.after, version.before)
            del version

    results = write_batches(
        run.server, run.source.storage, replacements(), list(work.paths), lock=run.lock, tracking=run.tracking
    )
    for number, result in enumerate(results, start=start + 1):
        batch = under_way.popleft()
        unconverted = (
            convert_concurrent_updates(run, work, saved, batch.before, result.changed)
            if result.changed
            else UnconvertedUpdates()
        )
        problems = {
            "vanished": [*result.vanished, *unconverted.vanished],
            "wrong type": [*result.wrong_type, *unconverted.wrong_type],
            CONTENDED: unconverted.contended,
            UPDATED: unconverted.unchanged,
        }
        written = set(_changed_keys(batch)).difference(*problems.values())
        # notes and counters are saved together, so that a batch that is done twice is counted once
        with run.guard:
            run.note(problem_notes(problems))
            run.journal.advance(steps, number, len(written), shard=shard.number)
            run.advance(len(batch.before))
        del batch, result


def verify(run: ActiveRun, work: RewritePass) -> bool:
    """Whether no document of each worker's last batch still has an original value that was to be replaced."""
    return all(_verify(run, work, shard) for shard in run.store.shards)


def _verify(run: ActiveRun, work: RewritePass, shard: Shard) -> bool:
    batches = shard.batch_counts[REWRITE]
    if not batches:
        return True
    before = next(iter(shard.iter_batches(REWRITE, batches - 1)))
    found, _ = read_documents(run.server, run.source.storage, before.keys, list(work.paths))
    known = value_versions(run, SavedValues(run.store, CONCURRENT_UPDATES), before, run.transformed)
    return not find_origins(run.source.storage, found, known).rows(ValueState.ORIGINAL)


def _changed_keys(batch: ValueVersion) -> Sequence[bytes]:
    """Return the documents in which some value becomes another one."""
    before, after = batch.before, batch.after
    if any(set(column.lengths).isdisjoint(after[name].lengths) for name, column in before.columns.items()):
        return before.keys  # a value of another length is another value
    return [
        key
        for row, key in enumerate(before.keys)
        if any(
            after[name].lengths[row] != column.lengths[row] or after[name][row] != column[row]
            for name, column in before.columns.items()
        )
    ]


def _describe(note: Note) -> str:
    keys = ", ".join(key.decode("utf-8", "backslashreplace") for key in note.keys)
    field = f" in field {note.field!r}" if note.field else ""
    return f"{note.count:,} documents with {note.kind}{field}, such as {keys}"
