"""Filling shadow fields while the source answers: until the switch they hold what the transforms make of originals.

Whatever an application writes to a shadow field before the switch is replaced, unless that is the new name of a field.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from fieldfare.backup import CONCURRENT_UPDATES, REWRITE, Shard
from fieldfare.documents import Batch, Column
from fieldfare.engine.concurrent.external_values import problem_notes
from fieldfare.engine.concurrent.updates import CONTENDED
from fieldfare.engine.distribution.task import ShardOutcome, Work
from fieldfare.engine.rewrite_pass import RewritePass
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.conversion import (
    Conversion,
    Decision,
    ShadowedDocuments,
    convert,
    read_shadowed,
    renamed,
)
from fieldfare.engine.shadow_fields.history import ShadowHistory
from fieldfare.engine.shadow_fields.new_names import leave_foreign_values, undecided_rows
from fieldfare.engine.shadow_paths import moved_paths, shadow_paths
from fieldfare.engine.shard_work import work_on_shards
from fieldfare.plan import Receipt
from fieldfare.server.document_writer import WriteResult
from fieldfare.server.guarded_write import GuardedWrite, write_guarded_batches
from fieldfare.server.inspect import read_stats
from fieldfare.server.keys import iterate_keys
from fieldfare.server.search import find_indexed

__all__ = [
    "convert_changes",
    "convert_every",
    "covered",
    "fill",
    "fill_shard",
    "is_filled",
    "keep_up",
    "save_originals",
]

ROUNDS: Final = 20
"""How often changes are converted that applications made while the ones before were converted."""

FEW: Final = 50
"""So many changed documents are converted in a moment."""


def fill(run: ActiveRun, work: RewritePass) -> list[Receipt]:
    """Fill the shadow fields of every captured document, from where the journal says that the pass stopped."""
    steps = [step.id for step in work.steps]

    def convert(_: int, keys: Sequence[bytes]) -> Conversion:
        return convert_changes(run, keys)

    def merge(shard: Shard, outcome: ShardOutcome) -> None:
        written = outcome.written
        for number in outcome.left:
            written += _fill_batch(run, next(iter(shard.iter_batches(REWRITE, number))))
        run.note(outcome.notes)
        run.journal.advance(steps, outcome.completed, written, shard=shard.number)

    work_on_shards(
        run,
        Work.FILL,
        lambda shard: fill_shard(run, work, shard, convert),
        merge,
        completed=lambda shard: _completed(run, work, shard),
    )
    records = run.journal.progress.steps
    return [Receipt(step.id, documents=records[step.id].documents) for step in work.steps]


def is_filled(run: ActiveRun) -> bool:
    """Whether each worker's last batch has no document with an original and without its shadow field."""
    for shard in run.store.shards:
        batches = shard.batch_counts[REWRITE]
        for batch in shard.iter_batches(REWRITE, batches - 1) if batches else ():
            found, _ = read_shadowed(run, batch.keys)
            again = [found.originals.keys[row] for row in found.outdated()]
            if again and convert_changes(run, again).contended:
                return False
    return True


def _completed(run: ActiveRun, work: RewritePass, shard: Shard) -> int:
    return min(run.journal.progress.steps[step.id].completed_batches_of(shard.number) for step in work.steps)


def fill_shard(
    run: ActiveRun, work: RewritePass, shard: Shard, convert: Callable[[int, Sequence[bytes]], Conversion | None]
) -> None:
    """Fill the shadow fields of one shard, from where the journal says that the pass stopped.

    Args:
        run: the run.
        work: what is rewritten.
        shard: its documents.
        convert: called with the number of a batch and the keys of documents that others have changed; returns None to
            leave the whole batch to somebody else.
    """
    steps = [step.id for step in work.steps]
    start = _completed(run, work, shard)
    under_way: deque[Batch] = deque()

    def writes() -> Iterator[GuardedWrite]:
        for batch in shard.iter_batches(REWRITE, start):
            under_way.append(batch)
            yield _write(run, batch)

    results = write_guarded_batches(run.server, run.source.storage, writes(), shadow_paths(run.plan), lock=run.lock)
    is_compared = bool(moved_paths(run.plan))  # every document is, later, by who knows who wrote new names
    for number, result in enumerate(results, start=start + 1):
        batch = under_way.popleft()
        later = convert(number - 1, result.changed) if result.changed and not is_compared else Conversion()
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
    problems = _problems(result, convert_changes(run, result.changed))
    run.note(problem_notes(problems))
    return _count_written(batch, problems)


def _write(run: ActiveRun, batch: Batch) -> GuardedWrite:
    after = renamed(run.transformed(batch), shadow_paths(run.plan))
    return GuardedWrite(after, before=_before(run, batch), guards=batch)


def _problems(result: WriteResult, later: Conversion) -> dict[str, Sequence[bytes]]:
    return {
        "vanished": [*result.vanished, *later.vanished],
        "wrong type": [*result.wrong_type, *later.wrong_type],
        CONTENDED: later.contended,
    }


def _count_written(batch: Batch, problems: Mapping[str, Sequence[bytes]]) -> int:
    return len(batch) - sum(map(len, problems.values()))


def _before(run: ActiveRun, batch: Batch) -> Batch | None:
    """Return the values to replace: of fields that have a new name, none."""
    nothing = Column.of([None] * len(batch))
    return Batch(batch.keys, dict.fromkeys(moved_paths(run.plan).values(), nothing)) if moved_paths(run.plan) else None


def convert_every(run: ActiveRun) -> None:
    """Compare the shadow fields of every document with what the transforms make of its original, and mend them.

    New documents get theirs. Their originals, and those that were updated since the dump, go to the backup first.
    """
    name, save = run.source.name, save_originals(run)
    undecided: list[bytes] = []

    def postpone(found: ShadowedDocuments) -> ShadowedDocuments:
        rows = set(undecided_rows(run, found))
        undecided.extend(found.originals.keys[row] for row in rows)
        others = [row for row in range(len(found.originals)) if row not in rows]
        return save(found.select(others)) if others else found.select([])

    with run.activity("catch_up", "Compare shadow fields with originals", total=read_stats(run.server, name).num_docs):
        for keys in iterate_keys(run.server, run.source, read_stats(run.server, name), run.options.batch_size):
            convert(run, keys, postpone)
            run.advance(len(keys))
        history, size = ShadowHistory(run), run.options.batch_size
        history.load(set(undecided))
        for start in range(0, len(undecided), size):
            convert(run, undecided[start : start + size], leave_foreign_values(run, history, save))


def keep_up(run: ActiveRun) -> bool:
    """Convert what is changed, until next to nothing is changed meanwhile.

    Returns:
        Whether the run has a follower that could tell all changes.
    """
    for _ in range(ROUNDS):
        keys = run.follower.drain() if run.follower is not None else None
        if keys is None:
            return False
        convert_changes(run, covered(run, keys))
        if len(keys) <= FEW:
            break
    return True


def convert_changes(run: ActiveRun, keys: Sequence[bytes]) -> Conversion:
    """Convert documents before the switch: whatever shadow fields hold, but not what is under a new name of a field."""
    decide = leave_foreign_values(run, ShadowHistory(run), save_originals(run))
    return convert(run, keys, decide) if keys else Conversion()


def save_originals(run: ActiveRun) -> Decision:
    """Return the decision to convert every document, after its original was saved."""

    def save(found: ShadowedDocuments) -> ShadowedDocuments:
        columns = found.originals.columns
        rows = [row for row in range(len(found.originals)) if any(each[row] is not None for each in columns.values())]
        if rows:
            with run.guard:
                run.store.append(CONCURRENT_UPDATES, found.originals.select(rows, columns))
                run.store.sync()
        return found

    return save


def covered(run: ActiveRun, keys: set[bytes]) -> list[bytes]:
    """Return those of changed keys that are documents of the index, as far as only the index can tell."""
    if run.source.filter is None or not keys:
        return sorted(keys)
    return sorted(find_indexed(run.server, run.target.name, sorted(keys)))
