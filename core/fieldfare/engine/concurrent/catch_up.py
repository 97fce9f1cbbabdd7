"""Catching up with concurrent writes before validation: converting what applications added or updated."""

from __future__ import annotations

from typing import Final

from redis.exceptions import RedisError

from fieldfare.backup import CONCURRENT_INSERTS, CONCURRENT_UPDATES, REWRITE, Shard
from fieldfare.definition.reply import encode
from fieldfare.documents import Batch, KeyCounter, Note
from fieldfare.engine.concurrent.captured_documents import find_missing_documents
from fieldfare.engine.concurrent.new_documents import find_new_documents, has_failed
from fieldfare.engine.concurrent.saved_values import SavedValues
from fieldfare.engine.concurrent.updates import UPDATED, convert_concurrent_updates
from fieldfare.engine.concurrent.value_history import ValueState, ValueVersion, changing_rows, find_origins
from fieldfare.engine.distribution.task import ShardOutcome, Work
from fieldfare.engine.rewrite_pass import RewritePass, is_renamed, rewrite_pass
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_paths import has_shadow_fields
from fieldfare.engine.shard_work import work_on_shards
from fieldfare.hooks.run_defaults import Verify
from fieldfare.server.document_reader import read_documents
from fieldfare.server.document_writer import write_documents
from fieldfare.server.inspect import read_stats

__all__ = ["catch_up"]

ADDED: Final = "added during the run"


def catch_up(run: ActiveRun, *, check_all: bool) -> None:
    """Convert documents that applications added during the run, and those that they updated after the rewrite.

    Shadow fields are kept equal to their originals by the mode.

    Their originals go to the backup first, so that a rollback restores them, too. Where keys or fields have other
    names now, nothing is converted: the validation names these documents.

    Args:
        run: the target is live.
        check_all: whether an earlier validation may have failed: then every document is compared once more.
    """
    work = rewrite_pass(run.plan)
    if work.steps and not is_renamed(run.plan) and not has_shadow_fields(run.plan):
        with run.activity("catch_up", "Check concurrent writes"):
            _finish_inserts(run, work)
            _convert_inserts(run, work)
            stats = read_stats(run.server, run.target.name)
            if check_all or run.options.verify is Verify.FULL or has_failed(stats):
                _convert_updates(run, work, SavedValues(run.store, CONCURRENT_UPDATES))
    _note_concurrent_writes(run)


def _finish_inserts(run: ActiveRun, work: RewritePass) -> None:
    """Convert documents that an interrupted run has only saved."""
    for batch in run.concurrent_inserts():
        known = [ValueVersion(batch, run.transformed(batch))]
        found, _ = read_documents(run.server, run.source.storage, batch.keys, list(work.paths))
        rows = find_origins(run.source.storage, found, known).rows(ValueState.ORIGINAL)
        _write(run, work, found.select(rows, work.paths))


def _convert_inserts(run: ActiveRun, work: RewritePass) -> None:
    saved = SavedValues(run.store, CONCURRENT_INSERTS)
    prefixes = tuple(encode(prefix) for prefix in run.source.prefixes)
    for keys in find_new_documents(run, 0 if _is_unchanged(run) else find_missing_documents(run).count):
        own = [key for key in keys if key.startswith(prefixes)]  # a backup holds no other keys
        found, _ = read_documents(run.server, run.source.storage, own, list(work.paths))
        rows = changing_rows(run.source.storage, found, run.transformed(found))
        if rows:
            batch = found.select(rows, work.paths)
            saved.append(batch)
            _write(run, work, batch)
        run.advance(len(keys))


def _is_unchanged(run: ActiveRun) -> bool:
    """Whether it is known that nobody else has changed a document since before the dump: then none is missing."""
    try:
        return run.tracking is not None and run.tracking.changed_keys() == frozenset()
    except RedisError:  # the server may close a connection that waits for a long build
        return False


def _write(run: ActiveRun, work: RewritePass, batch: Batch) -> None:
    """Convert documents that still have the values that were read; the validation names the others."""
    if len(batch):
        after = run.transformed(batch)
        run.check()
        write_documents(run.server, run.source.storage, after, list(work.paths), before=batch)


def _convert_updates(run: ActiveRun, work: RewritePass, saved: SavedValues) -> None:
    def convert(shard: Shard) -> None:
        for batch in shard.iter_batches(REWRITE):
            convert_concurrent_updates(run, work, saved, batch, batch.keys)
            run.advance(len(batch))

    def merge(shard: Shard, outcome: ShardOutcome) -> None:
        for number in outcome.left:
            batch = next(iter(shard.iter_batches(REWRITE, number)))
            convert_concurrent_updates(run, work, saved, batch, batch.keys)

    work_on_shards(run, Work.COMPARE_ALL, convert, merge)


def _note_concurrent_writes(run: ActiveRun) -> None:
    """Note what the backup holds besides the originals; counted there, so that no document is counted twice."""
    saved = {UPDATED: run.concurrent_updates(), ADDED: run.concurrent_inserts()}
    tags = {UPDATED: CONCURRENT_UPDATES, ADDED: CONCURRENT_INSERTS}
    notes = [note for note in run.notes if note.kind not in saved]
    for kind, batches in saved.items():
        documents = KeyCounter()
        for batch in batches:
            documents.add(batch.keys)
        if documents.count:
            detail = f"saved to the backup as {tags[kind]!r}, and converted"
            notes.append(Note(kind, "", documents.count, tuple(documents.keys), detail=detail))
    run.set_notes(tuple(notes))
