"""Comparing rewritten documents with what the backup says that they must be, and telling what somebody else did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from attrs import define, evolve, field

from fieldfare.backup import ADDED, LATE, REWRITE, Shard
from fieldfare.documents import Batch
from fieldfare.engine.generations import Kind, changing_rows, generations, origins_of
from fieldfare.engine.kept import Kept
from fieldfare.engine.meanwhile import Departed, Tally
from fieldfare.engine.newcomers import newcomers
from fieldfare.engine.options import Verify
from fieldfare.engine.rewrite_pass import RewritePass, is_renamed, paths_after, rewrite_pass, transform
from fieldfare.engine.run import Run
from fieldfare.engine.workers import share_out
from fieldfare.findings import Finding, Severity
from fieldfare.journal import Undo
from fieldfare.server.documents import read_documents

__all__ = ["check_writers"]

SAMPLE: Final = 10
"""How many batches of each shard a sample takes."""


@define
class Comparison:
    """What documents were found to be.

    Attributes:
        documents: how many were compared.
        original: those with a value that was to be replaced, and is still there.
        unconverted: those with a value that somebody wrote since, and that would have to be converted.
        changed: those with a value that somebody wrote since, and that needs no conversion.
    """

    documents: int = 0
    original: Tally = field(factory=Tally)
    unconverted: Tally = field(factory=Tally)
    changed: Tally = field(factory=Tally)


def check_writers(run: Run, gone: Departed) -> list[Finding]:
    """Say what somebody else did to documents during a run, and compare them with the backup.

    Args:
        run: with a backup; without one, or when it was rolled back, nothing is known.
        gone: captured documents that are not there any more.
    """
    if not run.has_backup or not run.store.key_count or run.journal.progress.undo is not Undo.NONE:
        return []
    work = rewrite_pass(run.plan)
    findings = [
        _told("documents_deleted", gone.deleted, "deleted, or expired"),
        _told("documents_retyped", gone.retyped, "replaced by something else than a document"),
        _added(run, work, gone),
    ]
    if work.steps:
        compared = _compare(run, work)
        findings.append(_changed(run, compared))
        if run.options.verify is not Verify.NONE:
            findings.append(_verify(run, compared))
    return findings


def _told(name: str, tally: Tally, what: str) -> Finding:
    detail = f"{what} since the backup: {tally}"
    return Finding(name, not tally.count, Severity.WARNING, detail, {"documents": tally.count})


def _added(run: Run, work: RewritePass, gone: Departed) -> Finding:
    added, unconverted = Tally(), Tally()
    for batch in run.store.iter_batches(ADDED):
        added.add(batch.keys)
    paths = list(work.paths)
    for keys in newcomers(run, gone.count):
        added.add(keys)
        if work.steps:
            found, _ = read_documents(run.server, run.source.storage, keys, paths)
            after = transform(run, work, found)
            unconverted.add(found.keys[row] for row in changing_rows(run.source.storage, found, after))
    data = {"documents": added.count, "unconverted": unconverted.count}
    if unconverted.count:
        detail = f"not in the backup, and not converted: {unconverted}. {_way_out(run)}"
        return Finding("documents_added", passed=False, detail=detail, data=data)
    detail = f"not in the backup: {added}"
    return Finding("documents_added", not added.count, Severity.WARNING, detail, data)


def _way_out(run: Run) -> str:
    if is_renamed(run.plan):
        return "Write them anew in their new form, or roll back, and apply while nobody writes"
    return "Run the same command again: it converts them"


def _changed(run: Run, compared: Comparison) -> Finding:
    late, since = Tally(), compared.changed
    for batch in run.store.iter_batches(LATE):
        late.add(batch.keys)
    detail = f"changed meanwhile, saved and converted: {late}"
    if since.count:
        detail += f"; changed since, nothing to convert: {since}"
    data = {"converted": late.count, "left": since.count}
    return Finding("documents_changed", not late.count and not since.count, Severity.WARNING, detail, data)


def _verify(run: Run, compared: Comparison) -> Finding:
    data = {
        "documents": compared.documents,
        "original": compared.original.count,
        "unconverted": compared.unconverted.count,
        "changed": compared.changed.count,
    }
    problems = []
    if compared.original.count:
        problems.append(f"with a value that was to be replaced: {compared.original}")
    if compared.unconverted.count:
        problems.append(f"with a newer value that is not converted: {compared.unconverted}")
    looked = f"{compared.documents:,} of {run.store.key_count:,} documents compared with the backup"
    detail = f"{looked}; {'; '.join(problems)}. {_way_out(run)}" if problems else looked
    return Finding("verify", not problems, detail=detail, data=data)


def _compare(run: Run, work: RewritePass) -> Comparison:
    """Compare documents with the backup, as many as the user asked for."""
    compared = Comparison()
    if run.options.verify is not Verify.NONE:
        late = Kept(run.store, LATE)
        share_out(run, lambda shard: _compare_shard(run, work, shard, late, compared))
    return compared


def _compare_shard(run: Run, work: RewritePass, shard: Shard, late: Kept, compared: Comparison) -> None:
    storage, convert = run.source.storage, partial(transform, run, work)
    for before in _chosen(run, shard):
        found = _read(run, work, before.keys)
        origins = origins_of(storage, found, generations(run, late, before, convert))
        foreign = origins.rows(Kind.FOREIGN)
        stale = origins.stale(storage, convert(origins.with_foreign())) if foreign else []
        with run.guard:
            compared.documents += len(found)
            compared.original.add(found.keys[row] for row in origins.rows(Kind.ORIGINAL))
            compared.unconverted.add(found.keys[row] for row in stale)
            compared.changed.add(found.keys[row] for row in foreign if row not in stale)
            run.check()


def _chosen(run: Run, shard: Shard) -> Iterator[Batch]:
    batches = shard.found[REWRITE]
    if run.options.verify is Verify.FULL or batches <= SAMPLE:
        yield from shard.iter_batches(REWRITE)
        return
    for number in range(SAMPLE):
        yield next(shard.iter_batches(REWRITE, number * (batches - 1) // (SAMPLE - 1)))


def _read(run: Run, work: RewritePass, keys: Sequence[bytes]) -> Batch:
    """Read documents as they are now, and call keys and fields as the backup does."""
    names = paths_after(run.plan, work.paths)
    key_of = {run.plan.moved(key) if run.plan.moves_keys else key: key for key in keys}
    found, _ = read_documents(run.server, run.source.storage, list(key_of), list(names.values()))
    columns = {path: found[name] for path, name in names.items()}
    return evolve(found, keys=tuple(key_of[key] for key in found.keys), columns=columns)
