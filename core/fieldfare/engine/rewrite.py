"""The rewrite pass: originals from the backup, every transform in order, one write per document."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing

from attrs import evolve

from fieldfare.backup import CONCURRENT_UPDATES, REWRITE, Shard
from fieldfare.backup.record_sequence import Place
from fieldfare.documents import Batch, Note
from fieldfare.engine.concurrent.external_values import problem_notes
from fieldfare.engine.concurrent.saved_values import SavedValues
from fieldfare.engine.concurrent.updates import CONTENDED, UPDATED, UnconvertedUpdates, convert_concurrent_updates
from fieldfare.engine.concurrent.value_history import ValueState, ValueVersion, find_origins, value_versions
from fieldfare.engine.distribution.task import ShardOutcome, Work
from fieldfare.engine.dump_watchers import DumpWatchers
from fieldfare.engine.rewrite_pass import RewritePass
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shard_work import dump_shards, work_on_shards
from fieldfare.errors import UnconvertibleDocuments
from fieldfare.plan import Receipt
from fieldfare.server.document_reader import Problems, read_bounded_batches, read_documents
from fieldfare.server.document_writer import ConditionalWrite, WriteResult, write_batches
from fieldfare.support.read_ahead import read_ahead
from fieldfare.support.wording import counted

__all__ = ["dump", "dump_shard", "refuse_unconvertible", "rewrite", "rewrite_shard", "verify"]

ConvertUpdates = Callable[[int, ValueVersion, Sequence[bytes]], UnconvertedUpdates | None]


def dump(run: ActiveRun, work: RewritePass, watchers: DumpWatchers) -> None:
    """Write every original to the backup, and rehearse every transform. Changes nothing on Redis.

    Args:
        run: the run.
        work: what is rewritten.
        watchers: see every batch, also where workers in other processes have read it.

    Raises:
        PluginBroken: a transform raised on some document.
    """

    def merge(outcome: ShardOutcome) -> None:
        run.note(outcome.notes)
        _count_dumped(run, outcome.completed)

    dump_shards(run, lambda shard: dump_shard(run, work, shard, watchers=watchers), merge)
    if watchers.watchers and not watchers.shown:
        for batch in run.originals(work.steps[0]):
            watchers.add(batch)
            run.advance(len(batch))


def _count_dumped(run: ActiveRun, batches: int) -> None:
    progress = run.journal.progress
    run.journal.progress = evolve(progress, dump_completed_batches=progress.dump_completed_batches + batches)


def dump_shard(
    run: ActiveRun,
    work: RewritePass,
    shard: Shard,
    place: Place | None = None,
    *,
    watchers: DumpWatchers | None = None,
) -> None:
    """Write the originals of one shard to its file, and rehearse every transform on them.

    Args:
        run: the run.
        work: what is rewritten.
        shard: its documents.
        place: where the keys of its first batch are, if that is known.
        watchers: see every batch.
    """
    keys = run.store.iter_keys(shard.start, shard.stop, place)
    batches = read_bounded_batches(run.server, run.source.storage, keys, list(work.paths))
    # closed at once: an error would keep the thread and its connection
    with closing(read_ahead(batches)) as read, closing(read_ahead(_saved(shard, read))) as saved:
        for number, (batch, problems) in enumerate(saved):
            rehearsed = run.transformed(batch)
            if not number:
                rehearsed.computed()  # a transform that cannot make what it deferred fails while nothing is changed
            if watchers is not None:
                watchers.add(batch)
            with run.guard:
                run.note([*rehearsed.notes, *problem_notes(problems)])
                _count_dumped(run, 1)
                run.advance(len(batch))
            del batch, rehearsed  # before the next one is read: together they may be large


def _saved(shard: Shard, read: Iterable[tuple[Batch, Problems]]) -> Iterator[tuple[Batch, Problems]]:
    """Write the originals of each batch to the shard's file before it is yielded."""
    for batch, problems in read:
        shard.append(REWRITE, batch)
        yield batch, problems
        del batch, problems


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

    def convert(_: int, batch: ValueVersion, keys: Sequence[bytes]) -> UnconvertedUpdates:
        return convert_concurrent_updates(run, work, saved, batch.before, keys)

    def merge(shard: Shard, outcome: ShardOutcome) -> None:
        written = outcome.written
        for number in outcome.left:
            before = next(iter(shard.iter_batches(REWRITE, number)))
            batch = ValueVersion(before, run.transformed(before))
            problems = _problems(convert(number, batch, before.keys))
            run.note(problem_notes(problems))
            written += len(_written_keys(batch, problems))
        run.note(outcome.notes)
        run.journal.advance([step.id for step in work.steps], outcome.completed, written, shard=shard.number)

    work_on_shards(
        run,
        Work.REWRITE,
        lambda shard: rewrite_shard(run, work, shard, convert),
        merge,
        completed=lambda shard: _completed(run, work, shard),
    )
    records = run.journal.progress.steps
    return [Receipt(step.id, documents=records[step.id].documents) for step in work.steps]


def _completed(run: ActiveRun, work: RewritePass, shard: Shard) -> int:
    return min(run.journal.progress.steps[step.id].completed_batches_of(shard.number) for step in work.steps)


def rewrite_shard(run: ActiveRun, work: RewritePass, shard: Shard, convert: ConvertUpdates) -> None:
    """Write the new values of one shard, from where the journal says that the pass stopped.

    Args:
        run: the run.
        work: what is rewritten.
        shard: its documents.
        convert: called with the number of a batch, the batch, and the keys of documents that others have changed;
            returns None to leave the whole batch to somebody else.
    """
    steps = [step.id for step in work.steps]
    start = _completed(run, work, shard)
    under_way: deque[ValueVersion] = deque()

    def versions() -> Iterator[ValueVersion]:
        for batch in shard.iter_batches(REWRITE, start):
            yield ValueVersion(batch, run.transformed(batch).computed())

    def replacements() -> Iterator[ConditionalWrite]:
        for version in read_ahead(versions()):
            under_way.append(version)
            yield ConditionalWrite(version.after, version.before)
            del version

    results = write_batches(
        run.server,
        run.source.storage,
        replacements(),
        list(work.paths),
        lock=run.lock,
        tracking=run.tracking,
        limit=None if run.filling is None else run.filling.limit,
    )
    for number, result in enumerate(results, start=start + 1):
        batch = under_way.popleft()
        unconverted = convert(number - 1, batch, result.changed) if result.changed else UnconvertedUpdates()
        problems = None if unconverted is None else _problems(unconverted, result)
        # notes and counters are saved together, so that a batch that is done twice is counted once
        with run.guard:
            run.note(problem_notes(problems or {}))
            written_keys = set() if problems is None else _written_keys(batch, problems)
            if run.filling is not None:
                left_out = (key for key in batch.before.keys if key not in written_keys)
                run.filling.leave_out(left_out, of=len(batch.before))
            run.journal.advance(steps, number, len(written_keys), shard=shard.number)
            run.advance(len(batch.before))
        del batch, result


def _problems(unconverted: UnconvertedUpdates, result: WriteResult | None = None) -> dict[str, Sequence[bytes]]:
    """Return the documents that could not be converted, by reason."""
    vanished, wrong_type = ((), ()) if result is None else (result.vanished, result.wrong_type)
    return {
        "vanished": [*vanished, *unconverted.vanished],
        "wrong type": [*wrong_type, *unconverted.wrong_type],
        CONTENDED: unconverted.contended,
        UPDATED: unconverted.unchanged,
    }


def _written_keys(batch: ValueVersion, problems: Mapping[str, Sequence[bytes]]) -> set[bytes]:
    return set(_changed_keys(batch)).difference(*problems.values())


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
    return f"{counted(note.count, 'document')} with {note.kind}{field}, such as {keys}"
