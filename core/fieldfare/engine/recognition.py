"""Whether a server is the one of an earlier run, before that run goes on or back on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from attrs import evolve

from fieldfare.backup import LATE, REWRITE
from fieldfare.definition.compare import differences
from fieldfare.documents import Batch
from fieldfare.engine.generations import Generation, Kind, generations, origins_of
from fieldfare.engine.kept import Kept
from fieldfare.engine.rewrite_pass import RewritePass, paths_after, rewrite_pass, transform
from fieldfare.engine.run import Run
from fieldfare.errors import BackupUnusable, PluginError, WrongServer
from fieldfare.server.documents import read_documents
from fieldfare.server.inspect import index_exists, read_definition

__all__ = ["refuse_another_server"]

SAMPLE: Final = 100
"""How many documents of each shard are looked at."""


def refuse_another_server(run: Run, *, rollback: str) -> None:
    """Refuse a server that is not the one of the backup: somebody has taken one for another. Reads only.

    A server that is still the same process is not looked at. One that was started again has its documents back from
    disk, or some of them; so has a replica that became the primary.

    Args:
        run: with a journal of an earlier run.
        rollback: the command that takes it back.

    Raises:
        WrongServer: none of the documents are there, nor is the target.
        BackupUnusable: the documents are not those of the backup; says how many were looked at.
        redis.exceptions.RedisError: there was no answer.
    """
    progress = run.journal.progress
    if run.options.force or not progress.documents or run.server.processes() == progress.server_processes:
        return
    if not (_has_document(run) or _has_target(run)):
        raise WrongServer(run.source.name, progress.documents)
    if run.journal.changed_something:
        _refuse_other_values(run, rollback)


def _has_document(run: Run) -> bool:
    for keys in run.store.iter_keys():
        names = {*keys, *map(run.plan.moved, keys)} if run.plan.moves_keys else keys
        if any(reply == 1 for reply in run.server.bulk([(b"EXISTS", name) for name in names])):
            return True
    return False


def _has_target(run: Run) -> bool:
    name = run.target.name
    return index_exists(run.server, name) and not differences(run.target, read_definition(run.server, name))


def _refuse_other_values(run: Run, rollback: str) -> None:
    """Refuse documents that hold neither an original nor what it was converted to, where they are the most.

    Documents that are gone say nothing: a server may have lost them.
    """
    work = rewrite_pass(run.plan)
    if not work.steps:
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
