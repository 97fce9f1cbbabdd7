"""The rewrite pass: originals from the backup, every transform in order, one write per document."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from attrs import evolve

from fieldfare.backup import REWRITE, Shard
from fieldfare.documents import MISSING, Batch, Note
from fieldfare.engine.foreign import foreign_notes, foreign_values, problem_notes
from fieldfare.engine.rewrite_pass import RewritePass, transform
from fieldfare.engine.run import Run
from fieldfare.engine.workers import share_out
from fieldfare.errors import DocumentsUnfit
from fieldfare.plan import Receipt
from fieldfare.server.documents import read_batches, read_documents
from fieldfare.server.writing import write_batches

__all__ = ["dump", "refuse_unfit", "rewrite", "verify"]


def dump(run: Run, work: RewritePass) -> None:
    """Write every original to the backup, and rehearse every transform. Changes nothing on Redis.

    Raises:
        PluginBroken: a transform raised on some document.
    """
    run.store.split(run.options.workers)
    share_out(run, lambda shard: _dump(run, work, shard))


def _dump(run: Run, work: RewritePass, shard: Shard) -> None:
    keys = run.store.iter_keys(shard.start, shard.stop)
    for batch, problems in read_batches(run.server, run.source.storage, keys, list(work.paths)):
        shard.append(REWRITE, batch)
        rehearsed = transform(run, work, batch)
        with run.guard:
            run.note([*rehearsed.notes, *problem_notes(problems)])
            progress = run.journal.progress
            run.journal.progress = evolve(progress, dump_completed_batches=progress.dump_completed_batches + 1)
            run.advance(len(batch))


def refuse_unfit(run: Run) -> None:
    """Stop, with the index untouched, if documents hold what a step cannot carry over.

    Raises:
        DocumentsUnfit: with a line for each kind of problem.
    """
    unfit = [
        note
        for note in run.journal.progress.notes
        if note.blocking and not (note.allow and note.allow in run.options.allow)
    ]
    if unfit:
        allowed = {note.allow for note in unfit}
        override = (
            " ".join(f"--allow-{name}" for name in sorted(filter(None, allowed))) if None not in allowed else None
        )
        raise DocumentsUnfit([_line(note) for note in unfit], override=override)


def rewrite(run: Run, work: RewritePass) -> list[Receipt]:
    """Write the new values of every document, from where the journal says that the pass stopped."""
    share_out(run, lambda shard: _rewrite(run, work, shard))
    records = run.journal.progress.steps
    return [Receipt(step.id, documents=records[step.id].documents) for step in work.steps]


def _rewrite(run: Run, work: RewritePass, shard: Shard) -> None:
    steps = [step.id for step in work.steps]
    start = min(run.journal.progress.steps[step].through(shard.number) for step in steps)
    sizes: deque[int] = deque()

    def changed() -> Iterator[Batch]:
        for batch in shard.iter_batches(REWRITE, start):
            sizes.append(len(batch))
            yield _changed(batch, transform(run, work, batch))

    results = write_batches(run.server, run.source.storage, changed(), list(work.paths))
    for number, result in enumerate(results, start=start + 1):
        # notes and counters are saved together, so that a batch that is done twice is counted once
        with run.guard:
            run.note(problem_notes({"vanished": result.vanished, "wrong type": result.wrong_type}))
            run.journal.advance(steps, number, result.written, shard=shard.number)
            run.advance(sizes.popleft())


def verify(run: Run, work: RewritePass) -> bool:
    """Whether no document of each worker's last batch still has an original value that was to be replaced.

    A value that is neither the original nor the new one was written by somebody else: that is noted.
    """
    return all(_verify(run, work, shard) for shard in run.store.shards)


def _verify(run: Run, work: RewritePass, shard: Shard) -> bool:
    batches = shard.found[REWRITE]
    if not batches:
        return True
    storage = run.source.storage
    before = next(iter(shard.iter_batches(REWRITE, batches - 1)))
    after = transform(run, work, before)
    found, _ = read_documents(run.server, storage, before.keys, list(work.paths))
    other = foreign_values(storage, found, [after])
    new = foreign_values(storage, found, [after, before])
    if sum(_count(other, path) for path in work.paths) > sum(_count(new, path) for path in work.paths):
        return False  # some are neither new nor foreign: they are the originals
    run.note(foreign_notes("changed by somebody else", new, "left as they are"))
    return True


def _count(batch: Batch, path: str) -> int:
    return sum(length != MISSING for length in batch[path].lengths)


def _changed(before: Batch, after: Batch) -> Batch:
    """Only the documents in which some value is another one."""
    if any(set(column.lengths).isdisjoint(after[name].lengths) for name, column in before.columns.items()):
        return after  # a value of another length is another value
    rows = [
        row
        for row in range(len(before))
        if any(
            after[name].lengths[row] != column.lengths[row] or after[name][row] != column[row]
            for name, column in before.columns.items()
        )
    ]
    return after if len(rows) == len(before) else after.select(rows, after.columns)


def _line(note: Note) -> str:
    keys = ", ".join(key.decode("utf-8", "backslashreplace") for key in note.keys)
    field = f" in field {note.field!r}" if note.field else ""
    return f"{note.count:,} documents with {note.kind}{field}, such as {keys}"
