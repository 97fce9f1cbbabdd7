"""The way back from a rewrite pass: every original is written to its document again."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import evolve

from fieldfare.backup import REWRITE, Shard
from fieldfare.documents import Batch
from fieldfare.engine.foreign import foreign_notes, foreign_values, problem_notes
from fieldfare.engine.kept import Kept
from fieldfare.engine.rewrite_pass import RewritePass, transform
from fieldfare.engine.run import Run
from fieldfare.engine.workers import share_out
from fieldfare.errors import PluginError
from fieldfare.server.documents import read_batches
from fieldfare.server.writing import write_batches

__all__ = ["restore"]

SUPERSEDED: Final = "superseded"
"""The tag of values that a rollback found in the place of the new ones, and overwrote."""


def restore(run: Run, work: RewritePass) -> int:
    """Write every original back. What somebody else has written since goes to the backup, as ``SUPERSEDED``.

    What is told about such values is read from the backup. So whenever a rollback was killed, each value is kept
    once and counted once.

    Returns:
        How many documents were written.
    """
    kept = Kept(run.store, SUPERSEDED)
    notes = run.journal.progress.notes
    try:
        written = sum(share_out(run, lambda shard: _restore(run, work, shard, kept)))
    except BaseException:
        run.journal.progress = evolve(run.journal.progress, notes=notes)  # another attempt notes all of it again
        raise
    detail = f"the original is back; what was there is in the backup as {SUPERSEDED!r}"
    for foreign in run.store.iter_batches(SUPERSEDED):
        run.note(foreign_notes("changed since", foreign, detail))
    return written


def _restore(run: Run, work: RewritePass, shard: Shard, kept: Kept) -> int:
    written = 0
    storage, paths = run.source.storage, list(work.paths)
    read: deque[Batch] = deque()
    sizes: deque[int] = deque()

    def keys() -> Iterator[Sequence[bytes]]:
        for batch in shard.iter_batches(REWRITE):
            read.append(batch)
            yield batch.keys

    def originals() -> Iterator[Batch]:
        for found, _ in read_batches(run.server, storage, keys(), paths):
            before = read.popleft()
            _keep_foreign(run, kept, found, [before, _again(run, work, before)])
            sizes.append(len(before))
            yield before

    for result in write_batches(run.server, storage, originals(), paths):
        written += result.written
        with run.guard:
            run.note(problem_notes({"vanished": result.vanished, "wrong type": result.wrong_type}))
            run.advance(sizes.popleft())
    return written


def _again(run: Run, work: RewritePass, before: Batch) -> Batch:
    """Return what a run made of originals; the originals themselves if the plugin fails to say."""
    try:
        return transform(run, work, before)
    except PluginError:
        return before  # then more is kept than need be


def _keep_foreign(run: Run, kept: Kept, found: Batch, known: Sequence[Batch]) -> None:
    """Keep what is about to be overwritten, unless a rollback that was killed has kept it already."""
    foreign = foreign_values(run.source.storage, found, known)
    if not len(foreign):
        return
    keys = known[0].keys
    with run.guard:
        earlier = kept.of(keys)
        news = foreign_values(run.source.storage, foreign, earlier) if earlier else foreign
        if len(news):
            kept.append(news)
