"""Before the result is checked: converting what somebody added or changed while nobody looked."""

from __future__ import annotations

from attrs import evolve

from fieldfare.backup import ADDED, LATE, REWRITE, Shard
from fieldfare.documents import Batch, Note
from fieldfare.engine.generations import Generation, Kind, changing_rows, origins_of
from fieldfare.engine.index import encoded
from fieldfare.engine.kept import Kept
from fieldfare.engine.late import convert_late
from fieldfare.engine.meanwhile import Tally, departed
from fieldfare.engine.newcomers import has_failed, newcomers
from fieldfare.engine.options import Verify
from fieldfare.engine.rewrite_pass import RewritePass, is_renamed, rewrite_pass, transform
from fieldfare.engine.run import Run
from fieldfare.engine.workers import share_out
from fieldfare.server.documents import read_documents
from fieldfare.server.inspect import read_stats
from fieldfare.server.writing import write_documents

__all__ = ["catch_up"]


def catch_up(run: Run, *, again: bool) -> None:
    """Convert documents that were added during the run, and those that were changed behind its back.

    Their originals go to the backup first, so that a rollback puts them back, too. Where the documents have other
    names by now, of keys or of fields, nothing is done: then the validation names them.

    Args:
        run: the target is live.
        again: whether an earlier validation may have failed; then every document is looked at once more.
    """
    work = rewrite_pass(run.plan)
    if work.steps and not is_renamed(run.plan):
        with run.activity("catch_up", "Look for documents that were added or changed"):
            _finish_added(run, work)
            _convert_added(run, work)
            stats = read_stats(run.server, run.target.name)
            if again or run.options.verify is Verify.FULL or has_failed(stats):
                late = Kept(run.store, LATE)
                share_out(run, lambda shard: _convert_changed(run, work, shard, late))
    _tell(run)


def _finish_added(run: Run, work: RewritePass) -> None:
    """Convert what a killed run has only saved."""
    for batch in run.store.iter_batches(ADDED):
        known = [Generation(batch, transform(run, work, batch))]
        found, _ = read_documents(run.server, run.source.storage, batch.keys, list(work.paths))
        rows = origins_of(run.source.storage, found, known).rows(Kind.ORIGINAL)
        _write(run, work, found.select(rows, work.paths))


def _convert_added(run: Run, work: RewritePass) -> None:
    added = Kept(run.store, ADDED)
    prefixes = tuple(encoded(prefix) for prefix in run.source.prefixes)
    for keys in newcomers(run, departed(run).count):
        own = [key for key in keys if key.startswith(prefixes)]  # a backup holds no others
        found, _ = read_documents(run.server, run.source.storage, own, list(work.paths))
        rows = changing_rows(run.source.storage, found, transform(run, work, found))
        if rows:
            batch = found.select(rows, work.paths)
            added.append(batch)
            _write(run, work, batch)
        run.advance(len(keys))


def _write(run: Run, work: RewritePass, batch: Batch) -> None:
    """Convert documents that still are what was read; those that are not, the validation tells of."""
    if len(batch):
        after = transform(run, work, batch)
        write_documents(run.server, run.source.storage, after, list(work.paths), before=batch)


def _convert_changed(run: Run, work: RewritePass, shard: Shard, late: Kept) -> None:
    for batch in shard.iter_batches(REWRITE):
        convert_late(run, work, late, batch, batch.keys)
        run.advance(len(batch))


def _tell(run: Run) -> None:
    """Note what is in the backup besides the originals; read from there, so that it is counted once."""
    told = {
        LATE: ("changed meanwhile", f"saved to the backup as {LATE!r}, and converted"),
        ADDED: ("added meanwhile", f"saved to the backup as {ADDED!r}, and converted"),
    }
    kinds = {kind for kind, _ in told.values()}
    notes = [note for note in run.journal.progress.notes if note.kind not in kinds]
    for tag, (kind, detail) in told.items():
        tally = Tally()
        for batch in run.store.iter_batches(tag):
            tally.add(batch.keys)
        if tally.count:
            notes.append(Note(kind, "", tally.count, tuple(tally.keys), detail=detail))
    run.journal.progress = evolve(run.journal.progress, notes=tuple(notes))
