"""The rewrite pass: originals from the backup, every transform in order, one write per document."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial

from attrs import evolve

from fieldfare.backup import LATE, REWRITE, Shard
from fieldfare.documents import Note
from fieldfare.engine.foreign import problem_notes
from fieldfare.engine.generations import Generation, Kind, generations, origins_of
from fieldfare.engine.kept import Kept
from fieldfare.engine.late import Latecomers, convert_late
from fieldfare.engine.rewrite_pass import RewritePass, transform
from fieldfare.engine.run import Run
from fieldfare.engine.workers import share_out
from fieldfare.errors import DocumentsUnfit
from fieldfare.plan import Receipt
from fieldfare.server.documents import read_batches, read_documents
from fieldfare.server.writing import Replacement, write_batches

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
    """Write the new values of every document, from where the journal says that the pass stopped.

    What somebody else has written since the dump is not overwritten: it is saved, and converted in its turn.
    """
    late = Kept(run.store, LATE)
    share_out(run, lambda shard: _rewrite(run, work, shard, late))
    records = run.journal.progress.steps
    return [Receipt(step.id, documents=records[step.id].documents) for step in work.steps]


def _rewrite(run: Run, work: RewritePass, shard: Shard, late: Kept) -> None:
    steps = [step.id for step in work.steps]
    start = min(run.journal.progress.steps[step].through(shard.number) for step in steps)
    under_way: deque[Generation] = deque()

    def replacements() -> Iterator[Replacement]:
        for batch in shard.iter_batches(REWRITE, start):
            under_way.append(Generation(batch, transform(run, work, batch)))
            yield Replacement(under_way[-1].after, batch)

    results = write_batches(run.server, run.source.storage, replacements(), list(work.paths))
    for number, result in enumerate(results, start=start + 1):
        batch = under_way.popleft()
        left = convert_late(run, work, late, batch.before, result.changed) if result.changed else Latecomers()
        problems = {
            "vanished": [*result.vanished, *left.vanished],
            "wrong type": [*result.wrong_type, *left.wrong_type],
            "written to all the time": left.restless,
            "changed meanwhile": left.left,
        }
        written = set(_changed_keys(batch)).difference(*problems.values())
        # notes and counters are saved together, so that a batch that is done twice is counted once
        with run.guard:
            run.note(problem_notes(problems))
            run.journal.advance(steps, number, len(written), shard=shard.number)
            run.advance(len(batch.before))


def verify(run: Run, work: RewritePass) -> bool:
    """Whether no document of each worker's last batch still has an original value that was to be replaced."""
    return all(_verify(run, work, shard) for shard in run.store.shards)


def _verify(run: Run, work: RewritePass, shard: Shard) -> bool:
    batches = shard.found[REWRITE]
    if not batches:
        return True
    before = next(iter(shard.iter_batches(REWRITE, batches - 1)))
    found, _ = read_documents(run.server, run.source.storage, before.keys, list(work.paths))
    known = generations(run, Kept(run.store, LATE), before, partial(transform, run, work))
    return not origins_of(run.source.storage, found, known).rows(Kind.ORIGINAL)


def _changed_keys(batch: Generation) -> Sequence[bytes]:
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


def _line(note: Note) -> str:
    keys = ", ".join(key.decode("utf-8", "backslashreplace") for key in note.keys)
    field = f" in field {note.field!r}" if note.field else ""
    return f"{note.count:,} documents with {note.kind}{field}, such as {keys}"
