"""Checking that a server is the one of an earlier run, before that run is resumed or rolled back on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Final

from attrs import evolve

from fieldfare.backup import CONCURRENT_UPDATES, REWRITE
from fieldfare.backup.progress import Status
from fieldfare.definition import IndexDefinition
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.documents import Batch
from fieldfare.engine.concurrent.saved_values import SavedValues
from fieldfare.engine.concurrent.value_history import (
    ValueState,
    ValueVersion,
    find_origins,
    transformed_if_possible,
    value_versions,
)
from fieldfare.engine.rewrite_pass import RewritePass, paths_after, rewrite_pass
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_paths import has_shadow_fields
from fieldfare.errors import BackupUnusable, WrongServer
from fieldfare.plan import Phase
from fieldfare.server.document_reader import read_documents
from fieldfare.server.inspect import index_exists, read_definition
from fieldfare.server.permissions import require_allowed

__all__ = ["check_server_identity"]

SAMPLE: Final = 100
"""How many documents of each shard are compared."""


def check_server_identity(run: ActiveRun, *, rollback: str) -> None:
    """Refuse a server that is not the one of the backup: the URL is wrong. Reads only.

    A server that is still the same process is not checked. A restarted one has loaded its documents from disk, or some
    of them; a replica that became the primary has most of them.

    Args:
        run: with a journal of an earlier run.
        rollback: the command that rolls it back.

    Raises:
        WrongServer: none of the documents are there, nor is the target.
        BackupUnusable: the documents are not those of the backup; says how many were compared.
        redis.exceptions.RedisError: there was no answer.
    """
    progress = run.journal.progress
    if run.options.force or not progress.documents:
        return
    processes = run.server.run_ids()
    if all(processes) and processes == progress.server_processes:  # "" where the user may not read them
        return
    if not (_has_document(run) or _has_target(run)):
        raise WrongServer(run.source.name, progress.documents)
    if run.journal.has_started_steps and not _is_known_by_its_index(run):
        _refuse_other_values(run, rollback)


def _has_document(run: ActiveRun) -> bool:
    for keys in run.store.iter_keys():
        names = {*keys, *run.plan.moved_keys(keys)}
        if any(reply == 1 for reply in require_allowed(run.server, [(b"EXISTS", name) for name in names])):
            return True
    return False


def _has_target(run: ActiveRun) -> bool:
    return _has_index(run, run.target)


def _has_index(run: ActiveRun, definition: IndexDefinition) -> bool:
    name = definition.name
    return index_exists(run.server, name) and not find_mismatches(definition, read_definition(run.server, name))


def _is_known_by_its_index(run: ActiveRun) -> bool:
    """Whether an index tells that this is the server, where values tell nothing.

    Until shadow fields are finalized, applications continue writing the originals, and during finalize they write the
    shadow fields: after a while none is what the run found. A rollback drops the target before it removes shadow
    fields. A rollback that begins after finalize writes originals of the backup to documents: this takes more than an
    index of the same name.
    """
    records = [run.journal.record(step.id) for step in run.plan.steps if step.phase is Phase.CONTRACT]
    is_finalized = all(record is not None and record.status is Status.DONE for record in records)
    if not has_shadow_fields(run.plan) or (is_finalized and not run.rollback_started):
        return False
    return _has_target(run) or (run.rollback_started and _has_restored_source(run))


def _has_restored_source(run: ActiveRun) -> bool:
    names = filter(None, (run.source.name, run.journal.progress.restored_as))
    return any(_has_index(run, evolve(run.source, name=name)) for name in dict.fromkeys(names))


def _refuse_other_values(run: ActiveRun, rollback: str) -> None:
    """Refuse if most documents hold neither an original nor what it was converted to.

    Missing documents do not count: a server may have lost them.
    """
    work = rewrite_pass(run.plan)
    if not work.steps:
        return
    known: set[bytes] = set()
    others: set[bytes] = set()
    saved = SavedValues(run.store, CONCURRENT_UPDATES)
    for shard in run.store.shards:
        for batch in islice(shard.iter_batches(REWRITE), 1):
            some = batch.select(range(min(SAMPLE, len(batch))), work.paths)
            versions = value_versions(run, saved, some, partial(transformed_if_possible, run))
            for found in _read_sample(run, work, some.keys):
                recognized, unknown = _classify_keys(run, found, versions)
                known |= recognized
                others |= unknown
    others -= known
    if len(others) > len(known):
        raise BackupUnusable(
            run.journal.path,
            f"this does not seem to be the server of the run. {len(others)} of {len(known | others)} documents "
            f"that were compared, such as {min(others).decode('utf-8', 'backslashreplace')}, hold neither the value "
            "that the run read nor the value that it wrote. "
            "Nothing was changed. Check the URL. If it is the right server, this restores the originals: "
            f"{rollback} --force",
        )


def _read_sample(run: ActiveRun, work: RewritePass, keys: Sequence[bytes]) -> Iterator[Batch]:
    """Yield documents under their names before the run, and after it, with the names before."""
    storage, paths = run.source.storage, list(work.paths)
    yield read_documents(run.server, storage, keys, paths)[0]
    names = paths_after(run.plan, paths)
    key_of = dict(zip(run.plan.moved_keys(keys), keys, strict=True))
    if list(key_of) != list(keys) or list(names.values()) != paths:
        found, _ = read_documents(run.server, storage, list(key_of), list(names.values()))
        columns = {path: found[name] for path, name in names.items()}
        yield evolve(found, keys=tuple(key_of[key] for key in found.keys), columns=columns)


def _classify_keys(run: ActiveRun, found: Batch, known: Sequence[ValueVersion]) -> tuple[set[bytes], set[bytes]]:
    """Return the keys of documents with a known value, and of those with external values only."""
    origins = find_origins(run.source.storage, found, known)
    rows = {*origins.rows(ValueState.ORIGINAL), *origins.rows(ValueState.CONVERTED)}
    external = set(origins.rows(ValueState.EXTERNAL)) - rows
    return {found.keys[row] for row in rows}, {found.keys[row] for row in external}
