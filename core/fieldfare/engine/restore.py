"""Rolling back a rewrite pass: every original is written to its document again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Final

from attrs import frozen

from fieldfare.backup import CONCURRENT_UPDATES, OVERWRITTEN, REWRITE, Shard
from fieldfare.documents import Batch
from fieldfare.engine.concurrent.external_values import external_notes, external_values, problem_notes
from fieldfare.engine.concurrent.saved_values import SavedValues
from fieldfare.engine.concurrent.updates import ATTEMPTS, CONTENDED
from fieldfare.engine.concurrent.value_history import ValueState, find_origins, transformed_if_possible, value_versions
from fieldfare.engine.rewrite_pass import RewritePass
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.workers import map_shards
from fieldfare.server.document_reader import Problems, read_batches, read_documents
from fieldfare.server.document_writer import ConditionalWrite, WriteResult, write_batches, write_documents
from fieldfare.server.nodes import LARGE_BATCH

__all__ = ["restore"]

UPDATED_SINCE: Final = "updated since the run"


def restore(run: ActiveRun, work: RewritePass) -> int:
    """Restore every original; of a document that was updated during the run, its latest original.

    What an application has written since goes to the backup first, as ``OVERWRITTEN``. Notes about such values are made
    from there, so that each is saved and counted once, however often a rollback is interrupted.

    Returns:
        How many documents were written.
    """
    restorer = _Restorer(run, work, SavedValues(run.store, OVERWRITTEN), SavedValues(run.store, CONCURRENT_UPDATES))
    notes = run.notes
    try:
        written = sum(map_shards(run, restorer.restore))
        restorer.restore_added()
    except BaseException:
        run.set_notes(notes)  # another attempt notes all of it again
        raise
    detail = f"the original is restored; what was there is in the backup as {OVERWRITTEN!r}"
    for external in run.store.iter_batches(OVERWRITTEN):
        run.note(external_notes(UPDATED_SINCE, external, detail))
    return written


@frozen(hash=False)
class _Restorer:
    """Restores the documents of one shard after the other, or of several at a time."""

    run: ActiveRun
    work: RewritePass
    overwritten: SavedValues
    updates: SavedValues

    def restore(self, shard: Shard) -> int:
        run = self.run
        written = 0
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
                        yield self._replacement(sizes[-1][0], last.pop())

        for result in write_batches(run.server, storage, replacements(), paths, lock=run.lock):
            before, problems = sizes.popleft()
            again = self._retry(before, result.changed)
            gone = [*problems.get("vanished", ()), *result.vanished, *again.vanished]
            other = [*problems.get("wrong type", ()), *result.wrong_type, *again.wrong_type]
            written += result.written + again.written
            with run.guard:
                run.note(problem_notes({"vanished": gone, "wrong type": other, CONTENDED: again.changed}))
                run.advance(len(before))
            del before, result
        return written

    def restore_added(self) -> None:
        """Restore documents that were added during the run, and converted."""
        for batch in self.run.concurrent_inserts():
            self._retry(batch, batch.keys)

    def _retry(self, before: Batch, keys: Sequence[bytes]) -> WriteResult:
        """Restore documents that an application wrote to between our read and our write."""
        result = WriteResult(0, [], [], list(keys))
        for _ in range(ATTEMPTS):
            if not result.changed:
                break
            storage, paths = self.run.source.storage, list(self.work.paths)
            found, problems = read_documents(self.run.server, storage, result.changed, paths)
            replacement = self._replacement(before, found)
            self.run.check()
            new = write_documents(self.run.server, storage, replacement.after, paths, before=found)
            result = WriteResult(
                result.written + new.written,
                [*result.vanished, *problems.get("vanished", ()), *new.vanished],
                [*result.wrong_type, *problems.get("wrong type", ()), *new.wrong_type],
                new.changed,
            )
        return result

    def _replacement(self, before: Batch, found: Batch) -> ConditionalWrite:
        """Return what is to be written instead of what was found; external values are saved first."""
        known = value_versions(self.run, self.updates, before, partial(transformed_if_possible, self.run))
        origins = find_origins(self.run.source.storage, found, known)
        self._save(before.keys, origins.only(ValueState.EXTERNAL))
        return ConditionalWrite(origins.originals, found)

    def _save(self, keys: Sequence[bytes], external: Batch) -> None:
        """Save what is about to be overwritten, unless an interrupted rollback has saved it already."""
        if not len(external):
            return
        with self.run.guard:
            known = self.overwritten.find(keys)
            new = external_values(self.run.source.storage, external, known) if known else external
            if len(new):
                self.overwritten.append(new)
