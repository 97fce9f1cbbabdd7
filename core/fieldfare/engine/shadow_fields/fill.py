"""Filling shadow fields while the source answers, from the originals in the backup."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence

from fieldfare.backup import REWRITE, Shard
from fieldfare.documents import Batch, Column
from fieldfare.engine.concurrent.external_values import problem_notes
from fieldfare.engine.concurrent.updates import CONTENDED
from fieldfare.engine.distribution.task import ShardOutcome, Work
from fieldfare.engine.rewrite_pass import RewritePass
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.conversion import read_shadowed, renamed
from fieldfare.engine.shadow_fields.synchronization import FieldSynchronization
from fieldfare.engine.shadow_paths import moved_paths, shadow_paths
from fieldfare.engine.shard_work import work_on_shards
from fieldfare.plan import Receipt
from fieldfare.server.document_writer import WriteResult
from fieldfare.server.guarded_write import GuardedWrite, write_guarded_batches

__all__ = ["fill", "fill_shard", "is_filled"]

Problems = Mapping[str, Sequence[bytes]]


def fill(run: ActiveRun, work: RewritePass) -> list[Receipt]:
    """Fill the shadow fields of every captured document, from where the journal says that the pass stopped."""
    steps = [step.id for step in work.steps]

    def synchronize(_: int, keys: Sequence[bytes]) -> Problems:
        return _synchronize(run, keys)

    def merge(shard: Shard, outcome: ShardOutcome) -> None:
        written = outcome.written
        for number in outcome.left:
            written += _fill_batch(run, next(iter(shard.iter_batches(REWRITE, number))))
        run.note(outcome.notes)
        run.journal.advance(steps, outcome.completed, written, shard=shard.number)

    work_on_shards(
        run,
        Work.FILL,
        lambda shard: fill_shard(run, work, shard, synchronize),
        merge,
        completed=lambda shard: _completed(run, work, shard),
    )
    records = run.journal.progress.steps
    return [Receipt(step.id, documents=records[step.id].documents) for step in work.steps]


def is_filled(run: ActiveRun) -> bool:
    """Whether each worker's last batch has no document with an original and without its shadow field.

    A document that applications update faster than it can be converted has one, too, if only of an older value.
    """
    for shard in run.store.shards:
        batches = shard.batch_counts[REWRITE]
        for batch in shard.iter_batches(REWRITE, batches - 1) if batches else ():
            contended = _synchronize(run, batch.keys).get(CONTENDED)
            if contended and _some_lack_shadow_fields(run, contended):
                return False
    return True


def _some_lack_shadow_fields(run: ActiveRun, keys: Sequence[bytes]) -> bool:
    found, _ = read_shadowed(run, keys)
    pairs = [(found.originals[old], found.shadows[new]) for old, new in shadow_paths(run.plan).items()]
    return any(
        original is not None and shadow is None for pair in pairs for original, shadow in zip(*pair, strict=True)
    )


def fill_shard(
    run: ActiveRun, work: RewritePass, shard: Shard, synchronize: Callable[[int, Sequence[bytes]], Problems | None]
) -> None:
    """Fill the shadow fields of one shard, from where the journal says that the pass stopped.

    Args:
        run: the run.
        work: what is rewritten.
        shard: its documents.
        synchronize: called with the number of a batch and the keys of documents that others have changed; returns the
            keys that could not be converted, or None to leave the whole batch to somebody else.
    """
    steps = [step.id for step in work.steps]
    start = _completed(run, work, shard)
    under_way: deque[Batch] = deque()

    def writes() -> Iterator[GuardedWrite]:
        for batch in shard.iter_batches(REWRITE, start):
            under_way.append(batch)
            yield _write(run, batch)

    results = write_guarded_batches(run.server, run.source.storage, writes(), shadow_paths(run.plan), lock=run.lock)
    is_compared = bool(moved_paths(run.plan))  # the comparison of every document knows who wrote new names
    for number, result in enumerate(results, start=start + 1):
        batch = under_way.popleft()
        later = synchronize(number - 1, result.changed) if result.changed and not is_compared else {}
        problems = None if later is None else _problems(result, later)
        # notes and counters are saved together, so that a batch that is done twice is counted once
        with run.guard:
            run.note(problem_notes(problems or {}))
            written = 0 if problems is None else _count_written(batch, problems)
            run.journal.advance(steps, number, written, shard=shard.number)
            run.advance(len(batch))


def _fill_batch(run: ActiveRun, batch: Batch) -> int:
    """Fill the shadow fields of one batch, and return how many documents were written."""
    [result] = write_guarded_batches(
        run.server, run.source.storage, iter([_write(run, batch)]), shadow_paths(run.plan), lock=run.lock
    )
    problems = _problems(result, _synchronize(run, result.changed))
    run.note(problem_notes(problems))
    return _count_written(batch, problems)


def _synchronize(run: ActiveRun, keys: Sequence[bytes]) -> Problems:
    """Convert documents that others have changed, and return those that could not be converted."""
    synchronization = FieldSynchronization(run, is_switched=False)
    synchronization.follow(keys)
    return {**synchronization.problems, CONTENDED: sorted(synchronization.contended)}


def _completed(run: ActiveRun, work: RewritePass, shard: Shard) -> int:
    return min(run.journal.progress.steps[step.id].completed_batches_of(shard.number) for step in work.steps)


def _write(run: ActiveRun, batch: Batch) -> GuardedWrite:
    after = renamed(run.transformed(batch), shadow_paths(run.plan))
    return GuardedWrite(after, before=_before(run, batch), guards=batch)


def _problems(result: WriteResult, later: Problems) -> dict[str, Sequence[bytes]]:
    return {
        "vanished": [*result.vanished, *later.get("vanished", ())],
        "wrong type": [*result.wrong_type, *later.get("wrong type", ())],
        CONTENDED: later.get(CONTENDED, ()),
    }


def _count_written(batch: Batch, problems: Problems) -> int:
    return len(batch) - sum(map(len, problems.values()))


def _before(run: ActiveRun, batch: Batch) -> Batch | None:
    """Return the values to replace: of fields that have a new name, none."""
    nothing = Column.of([None] * len(batch))
    return Batch(batch.keys, dict.fromkeys(moved_paths(run.plan).values(), nothing)) if moved_paths(run.plan) else None
