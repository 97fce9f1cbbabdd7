"""The way back from a rewrite pass: every original is written to its document again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from attrs import evolve, frozen

from fieldfare.backup import ADDED, LATE, REWRITE, SUPERSEDED, Shard
from fieldfare.documents import Batch
from fieldfare.engine.foreign import foreign_notes, foreign_values, problem_notes
from fieldfare.engine.generations import Kind, generations, origins_of
from fieldfare.engine.kept import Kept
from fieldfare.engine.late import ATTEMPTS
from fieldfare.engine.rewrite_pass import RewritePass, transform
from fieldfare.engine.run import Run
from fieldfare.engine.workers import share_out
from fieldfare.errors import PluginError
from fieldfare.server.documents import Problems, read_batches, read_documents
from fieldfare.server.writing import Replacement, WriteResult, write_batches, write_documents

__all__ = ["restore"]


def restore(run: Run, work: RewritePass) -> int:
    """Write every original back: of what somebody wrote during the run, the value that was converted.

    What somebody has written since goes to the backup, as ``SUPERSEDED``. What is told about such values is read
    from there, so that each is kept once and counted once, however often a rollback is killed.

    Returns:
        How many documents were written.
    """
    way_back = _WayBack(run, work, Kept(run.store, SUPERSEDED), Kept(run.store, LATE))
    notes = run.journal.progress.notes
    try:
        written = sum(share_out(run, way_back.restore))
        way_back.restore_added()
    except BaseException:
        run.journal.progress = evolve(run.journal.progress, notes=notes)  # another attempt notes all of it again
        raise
    detail = f"the original is back; what was there is in the backup as {SUPERSEDED!r}"
    for foreign in run.store.iter_batches(SUPERSEDED):
        run.note(foreign_notes("changed since", foreign, detail))
    return written


@frozen(hash=False)
class _WayBack:
    """Restores the documents of one shard after the other, or of several at a time."""

    run: Run
    work: RewritePass
    superseded: Kept
    late: Kept

    def restore(self, shard: Shard) -> int:
        run = self.run
        written = 0
        storage, paths = run.source.storage, list(self.work.paths)
        read: deque[Batch] = deque()
        sizes: deque[tuple[Batch, Problems]] = deque()

        def keys() -> Iterator[Sequence[bytes]]:
            for batch in shard.iter_batches(REWRITE):
                read.append(batch)
                yield batch.keys

        def replacements() -> Iterator[Replacement]:
            for found, problems in read_batches(run.server, storage, keys(), paths):
                sizes.append((read.popleft(), problems))
                yield self._replacement(sizes[-1][0], found)

        for result in write_batches(run.server, storage, replacements(), paths):
            before, problems = sizes.popleft()
            again = self._again(before, result.changed)
            gone = [*problems.get("vanished", ()), *result.vanished, *again.vanished]
            other = [*problems.get("wrong type", ()), *result.wrong_type, *again.wrong_type]
            written += result.written + again.written
            with run.guard:
                run.note(
                    problem_notes({"vanished": gone, "wrong type": other, "written to all the time": again.changed})
                )
                run.advance(len(before))
        return written

    def restore_added(self) -> None:
        """Restore documents that came while the run was under way, and were converted."""
        for batch in self.run.store.iter_batches(ADDED):
            self._again(batch, batch.keys)

    def _again(self, before: Batch, keys: Sequence[bytes]) -> WriteResult:
        """Restore documents that somebody wrote to between our look and our write."""
        result = WriteResult(0, [], [], list(keys))
        for _ in range(ATTEMPTS):
            if not result.changed:
                break
            storage, paths = self.run.source.storage, list(self.work.paths)
            found, problems = read_documents(self.run.server, storage, result.changed, paths)
            way = self._replacement(before, found)
            new = write_documents(self.run.server, storage, way.after, paths, before=found)
            result = WriteResult(
                result.written + new.written,
                [*result.vanished, *problems.get("vanished", ()), *new.vanished],
                [*result.wrong_type, *problems.get("wrong type", ()), *new.wrong_type],
                new.changed,
            )
        return result

    def _replacement(self, before: Batch, found: Batch) -> Replacement:
        """Say what is to be put in the place of what was found; foreign values are kept first."""
        known = generations(self.run, self.late, before, self._converted)
        origins = origins_of(self.run.source.storage, found, known)
        self._keep(before.keys, origins.only(Kind.FOREIGN))
        return Replacement(origins.originals, found)

    def _converted(self, before: Batch) -> Batch:
        """Return what a run made of originals; the originals themselves if the plugin fails to say."""
        try:
            return transform(self.run, self.work, before)
        except PluginError:
            return before  # then more is kept than need be

    def _keep(self, keys: Sequence[bytes], foreign: Batch) -> None:
        """Keep what is about to be overwritten, unless a rollback that was killed has kept it already."""
        if not len(foreign):
            return
        with self.run.guard:
            earlier = self.superseded.of(keys)
            news = foreign_values(self.run.source.storage, foreign, earlier) if earlier else foreign
            if len(news):
                self.superseded.append(news)
