"""Whether a server is the one of an earlier run, before that run goes on or back on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from attrs import evolve

from fieldfare.backup import LATE, REWRITE
from fieldfare.documents import Batch
from fieldfare.engine.generations import Generation, Kind, generations, origins_of
from fieldfare.engine.kept import Kept
from fieldfare.engine.rewrite_pass import RewritePass, paths_after, rewrite_pass, transform
from fieldfare.engine.run import Run
from fieldfare.errors import BackupUnusable, PluginError
from fieldfare.server.documents import read_documents

__all__ = ["refuse_other_data"]

SAMPLE: Final = 100
"""How many documents of each shard are looked at."""


def refuse_other_data(run: Run, *, rollback: str) -> None:
    """Refuse a server whose documents are not those of the backup: somebody has taken one server for another.

    A server that is still the same process is not looked at. Documents that are gone say nothing: a server may have
    lost them. Those that hold neither an original nor what it was converted to do, where they are the most.

    Args:
        run: with a journal of an earlier run.
        rollback: the command that takes it back.

    Raises:
        BackupUnusable: says how many documents were looked at.
    """
    work, progress = rewrite_pass(run.plan), run.journal.progress
    if not work.steps or run.options.force or run.server.processes() == progress.server_processes:
        return
    known: set[bytes] = set()
    others: set[bytes] = set()
    late = Kept(run.store, LATE)
    for shard in run.store.shards:
        for batch in islice(shard.iter_batches(REWRITE), 1):
            some = batch.select(range(min(SAMPLE, len(batch))), work.paths)
            generated = generations(run, late, some, lambda before: _converted(run, work, before))
            for found in _found(run, work, some.keys):
                recognized, unknown = _told_apart(run, found, generated)
                known |= recognized
                others |= unknown
    others -= known
    if len(others) > len(known):
        raise BackupUnusable(
            run.journal.path,
            f"this does not seem to be the server that it is of. {len(others)} of {len(known | others)} documents "
            "that were looked at, such as "
            f"{min(others).decode('utf-8', 'backslashreplace')}, hold neither what the run found nor what it wrote. "
            "Nothing was changed. Check the URL. If it is the right server, this puts the originals back: "
            f"{rollback} --force",
        )


def _converted(run: Run, work: RewritePass, before: Batch) -> Batch:
    try:
        return transform(run, work, before)
    except PluginError:
        return before


def _found(run: Run, work: RewritePass, keys: Sequence[bytes]) -> Iterator[Batch]:
    """Yield documents under their names before the run, and after it, with the names before."""
    storage, paths = run.source.storage, list(work.paths)
    yield read_documents(run.server, storage, keys, paths)[0]
    names = paths_after(run.plan, paths)
    key_of = {run.plan.moved(key) if run.plan.moves_keys else key: key for key in keys}
    if list(key_of) != list(keys) or list(names.values()) != paths:
        found, _ = read_documents(run.server, storage, list(key_of), list(names.values()))
        columns = {path: found[name] for path, name in names.items()}
        yield evolve(found, keys=tuple(key_of[key] for key in found.keys), columns=columns)


def _told_apart(run: Run, found: Batch, known: Sequence[Generation]) -> tuple[set[bytes], set[bytes]]:
    """Return the keys of documents with a value that is known, and of those with none but others."""
    origins = origins_of(run.source.storage, found, known)
    rows = {*origins.rows(Kind.ORIGINAL), *origins.rows(Kind.CONVERTED)}
    foreign = set(origins.rows(Kind.FOREIGN)) - rows
    return {found.keys[row] for row in rows}, {found.keys[row] for row in foreign}
