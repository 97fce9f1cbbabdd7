"""Rolling back a rewrite pass: every original is written to its document again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, count, groupby
from typing import Final

from attrs import field, frozen

from fieldfare.backup import CONCURRENT_UPDATES, OVERWRITTEN, REWRITE, Shard
from fieldfare.documents import Batch
from fieldfare.engine.concurrent.external_values import external_notes, external_values, problem_notes
from fieldfare.engine.concurrent.saved_values import SavedValues
from fieldfare.engine.concurrent.updates import ATTEMPTS, CONTENDED
from fieldfare.engine.concurrent.value_history import ValueState, find_origins, transformed_if_possible, value_versions
from fieldfare.engine.distribution.task import ShardOutcome, Work
from fieldfare.engine.rewrite_pass import RewritePass
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shard_work import work_on_shards
from fieldfare.server.document_reader import Problems, read_batches, read_documents
from fieldfare.server.document_writer import ConditionalWrite, WriteResult, write_batches, write_documents
from fieldfare.server.nodes import LARGE_BATCH

__all__ = ["Restorer", "restore"]

UPDATED_SINCE: Final = "updated since the run"


def restore(run: ActiveRun, work: RewritePass) -> int:
    """Restore every original; of a document that was updated during the run, its latest original.

    What an application has written since goes to the backup first, as ``OVERWRITTEN``. Notes about such values are made
    from there, so that each is saved and counted once, however often a rollback is interrupted.

    Returns:
        How many documents were written.
    """
    restorer = Restorer(run, work, SavedValues(run.store, OVERWRITTEN), SavedValues(run.store, CONCURRENT_UPDATES))
    notes, written = run.notes, []

    def merge(shard: Shard, outcome: ShardOutcome) -> None:
        run.note(outcome.notes)
        written.append(outcome.written + sum(restorer.restore_batch(shard, number) for number in outcome.left))

    try:
        work_on_shards(run, Work.RESTORE, lambda shard: written.append(restorer.restore(shard)), merge)
        restorer.restore_added()
    except BaseException:
        run.set_notes(notes)  # another attempt notes all of it again
        raise
    detail = f"the original is restored; what was there is in the backup as {OVERWRITTEN!r}"
    for external in run.store.iter_batches(OVERWRITTEN):
        run.note(external_notes(UPDATED_SINCE, external, detail))
    return sum(written)


@frozen(hash=False)
class Restorer:
    """Restores the documents of one shard after the other, or of several at a time.

    Attributes:
        run: the run.
        work: what it rewrote.
        overwritten: where external values are saved; None to leave every batch that has some to somebody else.
        updates: the concurrent updates of the run.
        left: the batches that are left, if ``overwritten`` is None.
    """

    run: ActiveRun
    work: RewritePass
    overwritten: SavedValues | None
    updates: SavedValues
    left: set[int] = field(init=False, factory=set)

    def restore(self, shard: Shard) -> int:
        """Restore one shard, and return how many documents were written."""
        run = self.run
        written, numbers = 0, count()
        storage, paths = run.source.storage, list(self.work.paths)
        read: deque[Batch] = deque()
        sizes: deque[tuple[Batch, Problems]] = deque()

        def keys(batches: Iterator[Batch]) -> Iterator[Sequence[bytes]]:
            for batch in batches:
                read.append(batch)
                yield batch.keys
                del batch

        def replacements() -> Iterator[ConditionalWrite]:
            # large batches are read one after the other: two of them would take too much memory
            for is_large, batches in groupby(shard.iter_batches(REWRITE), lambda each: each.size > LARGE_BATCH):
                parts = ([each] for each in keys(batches)) if is_large else [keys(batches)]
                for part in parts:
                    for found, problems in read_batches(run.server, storage, part, paths):
                        sizes.append((read.popleft(), problems))
                        last = [found]
                        del found  # what is written needs no more than its digests
                        yield self._replacement(next(numbers), sizes[-1][0], last.pop())

        results = write_batches(run.server, storage, replacements(), paths, lock=run.lock)
        for number, result in enumerate(results):
            before, problems = sizes.popleft()
            if self.overwritten is None and result.changed:
                self.left.add(number)
            if number not in self.left:
                again = self._retry(number, before, result.changed)
                self._note(problems, result, again)
                written += result.written + again.written
            run.advance(len(before))
            del before, result
        return written

    def restore_batch(self, shard: Shard, number: int) -> int:
        """Restore one batch, and return how many documents were written."""
        before = next(iter(shard.iter_batches(REWRITE, number)))
        result = self._retry(number, before, before.keys)
        self._note({}, result)
        return result.written

    def _note(self, problems: Problems, *results: WriteResult) -> None:
        """Note the documents of a batch that could not be restored."""
        gone = [*problems.get("vanished", ()), *chain.from_iterable(each.vanished for each in results)]
        other = [*problems.get("wrong type", ()), *chain.from_iterable(each.wrong_type for each in results)]
        self.run.note(problem_notes({"vanished": gone, "wrong type": other, CONTENDED: results[-1].changed}))

    def restore_added(self) -> None:
        """Restore documents that were added during the run, and converted."""
        for batch in self.run.concurrent_inserts():
            self._retry(0, batch, batch.keys)

    def _retry(self, number: int, before: Batch, keys: Sequence[bytes]) -> WriteResult:
        """Restore documents that an application wrote to between our read and our write."""
        result = WriteResult(0, [], [], list(keys))
        for _ in range(ATTEMPTS):
            if not result.changed:
                break
            storage, paths = self.run.source.storage, list(self.work.paths)
            found, problems = read_documents(self.run.server, storage, result.changed, paths)
            replacement = self._replacement(number, before, found)
            self.run.check()
            new = write_documents(self.run.server, storage, replacement.after, paths, before=found)
            result = WriteResult(
                result.written + new.written,
                [*result.vanished, *problems.get("vanished", ()), *new.vanished],
                [*result.wrong_type, *problems.get("wrong type", ()), *new.wrong_type],
                new.changed,
            )
        return result

    def _replacement(self, number: int, before: Batch, found: Batch) -> ConditionalWrite:
        """Return what is to be written instead of what was found; external values are saved first."""
        known = value_versions(self.run, self.updates, before, partial(transformed_if_possible, self.run))
        origins = find_origins(self.run.source.storage, found, known)
        external = origins.only(ValueState.EXTERNAL)
        if self.overwritten is None and len(external):
            self.left.add(number)
            nothing = found.select([], found.columns)
            return ConditionalWrite(nothing, nothing)
        if self.overwritten is not None:
            self._save(self.overwritten, before.keys, external)
        return ConditionalWrite(origins.originals, found)

    def _save(self, overwritten: SavedValues, keys: Sequence[bytes], external: Batch) -> None:
        """Save what is about to be overwritten, unless an interrupted rollback has saved it already."""
        if not len(external):
            return
        with self.run.guard:
            known = overwritten.find(keys)
            new = external_values(self.run.source.storage, external, known) if known else external
            if len(new):
                overwritten.append(new)
