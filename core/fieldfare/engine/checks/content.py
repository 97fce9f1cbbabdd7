"""Comparing rewritten documents with the backup, and reporting what applications did to documents during the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from attrs import define, evolve, field

from fieldfare.backup import CONCURRENT_UPDATES, REWRITE, Shard
from fieldfare.documents import Batch, KeyCounter
from fieldfare.engine.concurrent.captured_documents import MissingDocuments
from fieldfare.engine.concurrent.new_documents import find_new_documents
from fieldfare.engine.concurrent.saved_values import SavedValues
from fieldfare.engine.concurrent.value_history import (
    ValueState,
    ValueVersion,
    changing_rows,
    find_origins,
    value_versions,
)
from fieldfare.engine.copied_keys import copies_keys
from fieldfare.engine.distribution.task import ShardOutcome, Work
from fieldfare.engine.rewrite_pass import RewritePass, is_renamed, paths_after, rewrite_pass
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_paths import has_shadow_fields
from fieldfare.engine.shard_work import work_on_shards
from fieldfare.hooks.run_defaults import Verify
from fieldfare.report import Finding, Severity
from fieldfare.server.document_reader import read_documents

__all__ = ["SAMPLE", "check_documents", "compare_shadow_shard", "compare_shard"]

SAMPLE: Final = 5000
"""How many documents of each shard a sample compares, whole batches of them."""


@define
class Comparison:
    """How rewritten documents compare with the backup.

    Attributes:
        documents: how many were compared.
        original: those that still have an original value.
        unconverted: those with a value that an application wrote, and that has to be converted.
        updated: those with a value that an application wrote, and that needs no conversion.
    """

    documents: int = 0
    original: KeyCounter = field(factory=KeyCounter)
    unconverted: KeyCounter = field(factory=KeyCounter)
    updated: KeyCounter = field(factory=KeyCounter)


def check_documents(run: ActiveRun, missing: MissingDocuments) -> list[Finding]:
    """Report what applications did to documents during a run, and compare documents with the backup.

    Args:
        run: without a backup, or after a rollback, there are no findings.
        missing: captured documents that are no longer there.
    """
    if not run.has_backup or not run.store.key_count or run.rollback_started:
        return []
    work = rewrite_pass(run.plan)
    findings = [
        _missing("documents_deleted", missing.deleted, "deleted, or expired"),
        _missing("documents_replaced", missing.replaced, "replaced by a key of another type"),
    ]
    if has_shadow_fields(run.plan):
        from fieldfare.engine.shadow_fields.comparison import check_shadow_fields  # noqa: PLC0415 - start-up time

        return [*findings, *check_shadow_fields(run, partial(_chosen, run))]
    if copies_keys(run.plan):
        from fieldfare.engine.shadow_keys.comparison import check_copies  # noqa: PLC0415 - start-up time

        return [*findings, *check_copies(run)]
    findings.append(_added(run, work, missing))
    if work.steps:
        compared = _compare(run, work)
        findings.append(_updated(run, compared))
        if run.options.verify is not Verify.NONE:
            findings.append(_contents(run, compared))
    return findings


def _missing(name: str, documents: KeyCounter, what: str) -> Finding:
    detail = f"{what} since the backup: {documents}"
    return Finding(name, not documents.count, Severity.WARNING, detail, {"documents": documents.count})


def _added(run: ActiveRun, work: RewritePass, missing: MissingDocuments) -> Finding:
    added, unconverted = KeyCounter(), KeyCounter()
    for batch in run.concurrent_inserts():
        added.add(batch.keys)
    paths = list(work.paths)
    for keys in find_new_documents(run, missing.count):
        added.add(keys)
        if work.steps:
            found, _ = read_documents(run.server, run.source.storage, keys, paths)
            after = run.transformed(found)
            unconverted.add(found.keys[row] for row in changing_rows(run.source.storage, found, after))
    data = {"documents": added.count, "unconverted": unconverted.count}
    if unconverted.count:
        detail = f"not in the backup, and not converted: {unconverted}. {_advice(run)}"
        return Finding("documents_added", passed=False, detail=detail, data=data)
    detail = f"not in the backup: {added}"
    return Finding("documents_added", not added.count, Severity.WARNING, detail, data)


def _advice(run: ActiveRun) -> str:
    if is_renamed(run.plan):
        return "Write them again in their new form, or roll back, and apply while no application writes"
    return "Run the same command again: it converts them"


def _updated(run: ActiveRun, compared: Comparison) -> Finding:
    saved, since = KeyCounter(), compared.updated
    for batch in run.concurrent_updates():
        saved.add(batch.keys)
    detail = f"updated during the run, saved and converted: {saved}"
    if since.count:
        detail += f"; updated since, nothing to convert: {since}"
    data = {"converted": saved.count, "unchanged": since.count}
    return Finding("documents_updated", not saved.count and not since.count, Severity.WARNING, detail, data)


def _contents(run: ActiveRun, compared: Comparison) -> Finding:
    data = {
        "documents": compared.documents,
        "original": compared.original.count,
        "unconverted": compared.unconverted.count,
        "updated": compared.updated.count,
    }
    problems = []
    if compared.original.count:
        problems.append(f"with an original value: {compared.original}")
    if compared.unconverted.count:
        problems.append(f"with a newer, unconverted value: {compared.unconverted}")
    summary = f"{compared.documents:,} of {run.document_count:,} documents compared with the backup"
    detail = f"{summary}; {'; '.join(problems)}. {_advice(run)}" if problems else summary
    return Finding("document_contents", not problems, detail=detail, data=data)


def _compare(run: ActiveRun, work: RewritePass) -> Comparison:
    """Compare documents with the backup, as many as the user asked for."""
    compared = Comparison()
    if run.options.verify is not Verify.NONE:
        saved = SavedValues(run.store, CONCURRENT_UPDATES)

        def compare(shard: Shard) -> None:
            for _, before in _chosen(run, shard):
                _compare_batch(run, work, before, saved, compared)

        def merge(shard: Shard, outcome: ShardOutcome) -> None:
            compared.documents += outcome.written
            for number in outcome.left:
                _compare_batch(run, work, next(iter(shard.iter_batches(REWRITE, number))), saved, compared)

        work_on_shards(run, Work.COMPARE, compare, merge)
    return compared


def _compare_batch(run: ActiveRun, work: RewritePass, before: Batch, saved: SavedValues, compared: Comparison) -> None:
    storage, convert = run.source.storage, run.transformed
    found = _read(run, work, before.keys)
    origins = find_origins(storage, found, value_versions(run, saved, before, convert))
    external = origins.rows(ValueState.EXTERNAL)
    stale = origins.stale(storage, convert(origins.with_external())) if external else []
    with run.guard:
        compared.documents += len(found)
        compared.original.add(found.keys[row] for row in origins.rows(ValueState.ORIGINAL))
        compared.unconverted.add(found.keys[row] for row in stale)
        compared.updated.add(found.keys[row] for row in external if row not in stale)
        run.check()


def compare_shard(run: ActiveRun, work: RewritePass, shard: Shard, leave: Callable[[int], None]) -> int:
    """Compare the documents of one shard with the backup, as many as the user asked for.

    Args:
        run: the run.
        work: what it rewrote.
        shard: its documents.
        leave: called with the number of a batch that has a value which the run has not written; somebody else decides.

    Returns:
        How many documents of the other batches were compared.
    """
    compared = 0
    for number, before in _chosen(run, shard):
        found = _read(run, work, before.keys)
        origins = find_origins(run.source.storage, found, [ValueVersion(before, run.transformed(before))])
        if origins.rows(ValueState.EXTERNAL) or origins.rows(ValueState.ORIGINAL):
            leave(number)
        else:
            compared += len(found)
        run.advance(len(before))
    return compared


def compare_shadow_shard(run: ActiveRun, shard: Shard, leave: Callable[[int], None]) -> int:
    """Compare the shadow fields of one shard with their originals; arguments and result as :func:`compare_shard`."""
    from fieldfare.engine.shadow_fields.conversion import read_shadowed  # noqa: PLC0415 - start-up time

    compared = 0
    for number, batch in _chosen(run, shard):
        found, _ = read_shadowed(run, batch.keys)
        if found.outdated():
            leave(number)
        else:
            compared += len(found.keys)
        run.advance(len(batch))
    return compared


def _chosen(run: ActiveRun, shard: Shard) -> Iterator[tuple[int, Batch]]:
    """Yield the batches to compare, with their numbers."""
    batches = shard.batch_counts[REWRITE]
    sample = max(SAMPLE // run.journal.progress.batch_size, 2)
    if run.options.verify is Verify.FULL or batches <= sample:
        yield from enumerate(shard.iter_batches(REWRITE))
        return
    for each in range(sample):
        number = each * (batches - 1) // (sample - 1)
        yield number, next(shard.iter_batches(REWRITE, number))


def _read(run: ActiveRun, work: RewritePass, keys: Sequence[bytes]) -> Batch:
    """Read documents as they are now, under the names that keys and fields have in the backup."""
    names = paths_after(run.plan, work.paths)
    key_of = dict(zip(run.plan.moved_keys(keys), keys, strict=True))
    found, _ = read_documents(run.server, run.source.storage, list(key_of), list(names.values()))
    columns = {path: found[name] for path, name in names.items()}
    return evolve(found, keys=tuple(key_of[key] for key in found.keys), columns=columns)
