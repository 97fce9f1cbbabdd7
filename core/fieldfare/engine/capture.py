"""The phases CAPTURE and BACKUP: everything that a run will need is on disk before anything is changed."""

from __future__ import annotations

import time
from typing import Final

from attrs import evolve

from fieldfare.backup.progress import RunPhase
from fieldfare.engine.checks.self_query import query_source
from fieldfare.engine.copied_keys import copies_keys
from fieldfare.engine.dump_watchers import DumpWatchers, find_watchers
from fieldfare.engine.index import wait_while_indexing
from fieldfare.engine.modes import mode_of
from fieldfare.engine.rewrite import dump, refuse_unconvertible
from fieldfare.engine.rewrite_pass import rewrite_pass
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.scan_rehearsal import rehearse_scan
from fieldfare.server.inspect import read_stats
from fieldfare.server.keys import iterate_keys
from fieldfare.support.meanwhile import meanwhile

__all__ = ["capture"]

SAMPLE: Final = 100
"""How many documents are asked when they expire."""

NEVER: Final = -1
"""What PTTL answers for a key that does not expire."""


def capture(run: ActiveRun) -> None:
    """Write all keys and all originals to the backup, and make them durable. Only reads from Redis.

    Raises:
        TimeoutError: the index is still being built, without progress for as long as the user allows.
        UnconvertibleDocuments: documents hold values that a step cannot convert.
        BackupUnusable: the disk refuses.
    """
    if not run.store.is_empty:  # an earlier attempt lost the connection
        run.store.reset()
        run.journal.progress = evolve(run.journal.progress, dump_completed_batches=0, notes=())
    work = rewrite_pass(run.plan)
    is_built = not read_stats(run.server, run.source.name).indexing
    title = "Enumerate keys" if is_built else f"Wait until {run.source.name!r} is built, and enumerate keys"
    with run.activity("enumerate", title, total=run.source_stats.num_docs if is_built else 0):
        if not is_built:
            stats = wait_while_indexing(run, run.source.name)
            run.journal.progress = evolve(run.journal.progress, source_stats=stats)
        for keys in iterate_keys(run.server, run.source, run.source_stats, run.options.batch_size):
            run.store.append_keys(keys)
            run.advance(len(keys))
        run.store.seal()
    run.journal.progress = evolve(run.journal.progress, expires_at=_last_expiry(run))
    rehearse_scan(run)
    watchers = find_watchers(run) if work.steps else DumpWatchers({})
    if work.steps:
        with run.activity("dump", "Back up originals", total=run.store.key_count):
            dump(run, work, watchers)
    for step in run.plan.steps:
        if not step.transforms and step.owner in run.plugins.implementers("fieldfare_backup"):
            total = 0 if step.id in watchers.watchers else run.store.key_count  # seen already
            with run.activity("dump", f"Back up for: {step.summary}", step=step.id, total=total):
                if not watchers.save(step):
                    run.plugins.call(step.owner, "fieldfare_backup", step=step, run=run)
    if copies_keys(run.plan):
        from fieldfare.engine.shadow_keys.copying import require_free_keys  # noqa: PLC0415 - start-up time

        require_free_keys(run)
    mode_of(run.plan).back_up(run)
    refuse_unconvertible(run)
    with meanwhile(lambda: query_source(run)) as self_queries:
        # the barrier: nothing on Redis changes before this is on disk
        run.store.sync()
    saved = {tag: run.store.count(tag) for tag in run.store.tags}
    run.journal.update(
        phase=RunPhase.READY,
        documents=run.store.key_count,
        saved_batches=saved,
        saved_digest=run.store.digest(saved),
        notes_before=run.journal.progress.notes,
        self_queries=self_queries(),
    )


def _last_expiry(run: ActiveRun) -> float | None:
    """Return when the last one of some captured documents expires; None if one of them never does."""
    sample = next(run.captured_keys(), ())[:SAMPLE]
    left = run.server.bulk([(b"PTTL", key) for key in sample]) if sample else []
    if not left or not all(isinstance(each, int) and each != NEVER for each in left):
        return None
    return time.time() + float(max(0, *left)) / 1000
