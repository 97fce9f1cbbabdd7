"""Filling shadow fields while the source answers, from the originals in the backup."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from fieldfare.backup import REWRITE, Shard
from fieldfare.documents import Batch, Column
from fieldfare.engine.concurrent.external_values import problem_notes
from fieldfare.engine.concurrent.updates import CONTENDED
from fieldfare.engine.rewrite_pass import RewritePass
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_fields.conversion import renamed
from fieldfare.engine.shadow_fields.synchronization import FieldSynchronization
from fieldfare.engine.shadow_paths import moved_paths, shadow_paths
from fieldfare.engine.workers import map_shards
from fieldfare.plan import Receipt
from fieldfare.server.guarded_write import GuardedWrite, write_guarded_batches

__all__ = ["fill", "is_filled"]


def fill(run: ActiveRun, work: RewritePass) -> list[Receipt]:
    """Fill the shadow fields of every captured document, from where the journal says that the pass stopped."""
    map_shards(run, lambda shard: _fill(run, work, shard))
    records = run.journal.progress.steps
    return [Receipt(step.id, documents=records[step.id].documents) for step in work.steps]


def is_filled(run: ActiveRun) -> bool:
    """Whether each worker's last batch has no document with an original and without its shadow field."""
    for shard in run.store.shards:
        batches = shard.batch_counts[REWRITE]
        for batch in shard.iter_batches(REWRITE, batches - 1) if batches else ():
            synchronization = FieldSynchronization(run, is_switched=False)
            synchronization.follow(batch.keys)
            if synchronization.problems[CONTENDED]:
                return False
    return True


def _fill(run: ActiveRun, work: RewritePass, shard: Shard) -> None:
    steps = [step.id for step in work.steps]
    paths = shadow_paths(run.plan)
    start = min(run.journal.progress.steps[step].completed_batches_of(shard.number) for step in steps)
    under_way: deque[Batch] = deque()

    def writes() -> Iterator[GuardedWrite]:
        for batch in shard.iter_batches(REWRITE, start):
            under_way.append(batch)
            yield GuardedWrite(renamed(run.transformed(batch), paths), before=_before(run, batch), guards=batch)

    results = write_guarded_batches(run.server, run.source.storage, writes(), paths, lock=run.lock)
    for number, result in enumerate(results, start=start + 1):
        batch = under_way.popleft()
        later = FieldSynchronization(run, is_switched=False)
        if not moved_paths(run.plan):  # the comparison of every document knows who wrote new names
            later.follow(result.changed)
        problems = {
            "vanished": [*result.vanished, *later.problems["vanished"]],
            "wrong type": [*result.wrong_type, *later.problems["wrong type"]],
            CONTENDED: later.problems[CONTENDED],
        }
        # notes and counters are saved together, so that a batch that is done twice is counted once
        with run.guard:
            run.note(problem_notes(problems))
            run.journal.advance(steps, number, len(batch) - sum(map(len, problems.values())), shard=shard.number)
            run.advance(len(batch))


def _before(run: ActiveRun, batch: Batch) -> Batch | None:
    """Return the values to replace: of fields that have a new name, none."""
    nothing = Column.of([None] * len(batch))
    return Batch(batch.keys, dict.fromkeys(moved_paths(run.plan).values(), nothing)) if moved_paths(run.plan) else None
