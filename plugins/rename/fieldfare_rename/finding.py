"""Validation: documents with the old name after a migration, or with the new name after a rollback."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fieldfare.changes import RenameField
from fieldfare.definition import Storage
from fieldfare.documents import KeyCounter
from fieldfare.engine.concurrent.captured_documents import find_missing_documents, find_remaining_values
from fieldfare.engine.concurrent.new_documents import find_new_documents
from fieldfare.hooks.run import Run
from fieldfare.plan import MigrationPlan
from fieldfare.report import Finding, Severity
from fieldfare.server.key_filter import find_other_replies
from fieldfare.server.permissions import require_allowed
from fieldfare.server.pipeline import encode
from fieldfare.support.wording import counted
from fieldfare_rename.rename import Rename, renames_of

__all__ = ["check_renames"]


def check_renames(plan: MigrationPlan, run: Run) -> list[Finding] | None:
    """Look for captured and added documents that have the old name; None if no field was renamed.

    Without a backup only the sampled keys are checked. After a rollback, documents that were added since the
    migration are checked: a rollback does not change them.
    """
    if run.has_backup and run.rollback_started:
        steps = [rename for _, rename in renames_of(plan.steps)]
        emptied = {rename.source for rename in steps}
        return [_check_after_rollback(rename, run) for rename in steps if rename.target not in emptied] or None
    requested = {change.old for change in plan.changes if isinstance(change, RenameField)}
    renames = [rename for _, rename in renames_of(plan.steps) if rename.old in requested]
    targets = {rename.target for rename in renames}
    return [_check(rename, plan, run) for rename in renames if rename.source not in targets] or None


def _check_after_rollback(rename: Rename, run: Run) -> Finding:
    new_name_only = KeyCounter()
    new_keys = find_new_documents(run, find_missing_documents(run).count)
    for _, found, _ in _divide(run, new_keys, rename.target, rename.source):
        new_name_only.add(found)
    return Finding(
        f"renamed_back:{rename.old}",
        not new_name_only.count,
        severity=Severity.WARNING,  # these documents never had the old name
        detail=f"added since, with {rename.target!r} and no {rename.source!r}: {new_name_only}",
        data={"documents": new_name_only.count},
    )


def _check(rename: Rename, plan: MigrationPlan, run: Run) -> Finding:
    old, both = KeyCounter(), KeyCounter()
    checked = 0
    remaining = find_remaining_values(run, rename.source, rename.target)
    if remaining is not None:
        old, both = (KeyCounter(each.count, list(each.keys)) for each in (remaining.old_only, remaining.both))
        checked = run.document_count
    unchecked = _keys(plan, run, captured=remaining is None)
    for keys, with_old_name, with_both_names in _divide(run, unchecked, rename.source, rename.target):
        old.add(with_old_name)
        both.add(with_both_names)
        checked += len(keys)
    problems = []
    if old.count:
        problems.append(f"{rename.source!r} and no {rename.target!r}: {old}")
    if both.count:
        problems.append(f"{rename.source!r} besides {rename.target!r}: {both}")
    return Finding(
        f"renamed:{rename.new}",
        not problems,
        severity=Severity.WARNING,  # applications may still write documents with the old name
        detail="; ".join(problems) or f"{counted(checked, 'document')} checked",
        data={"documents": checked, "old_name": old.count, "both_names": both.count},
    )


def _keys(plan: MigrationPlan, run: Run, *, captured: bool) -> Iterator[Sequence[bytes]]:
    """Yield the keys of documents after the migration, a batch at a time; also of documents that were added."""
    if not run.has_backup:
        yield [plan.moved(encode(key)) for key in plan.source.key_sample]
        return
    for keys in run.captured_keys() if captured else ():
        yield plan.moved_keys(keys)
    yield from find_new_documents(run, find_missing_documents(run).count)


def _divide(
    run: Run, key_batches: Iterable[Sequence[bytes]], place: str, other: str
) -> Iterator[tuple[Sequence[bytes], list[bytes], list[bytes]]]:
    """Yield each batch of keys, those with a value at a place and none at the other, and those with both."""
    for keys, found in _with_value(run, key_batches, place):
        both = {key for _, each in _with_value(run, [found], other) for key in each} if found else set()
        yield keys, [key for key in found if key not in both], [key for key in found if key in both]


def _with_value(
    run: Run, key_batches: Iterable[Sequence[bytes]], place: str
) -> Iterator[tuple[Sequence[bytes], list[bytes]]]:
    """Yield each batch of keys, and the documents of it that have a value at a place."""
    if run.source.storage is Storage.HASH:
        for keys, others in find_other_replies(run.server, key_batches, "HEXISTS", encode(place), usual=b"0"):
            yield keys, [key for key in keys if others.get(key) == b"1"] if others else []
        return
    for keys in key_batches:
        replies = require_allowed(run.server, [(b"JSON.TYPE", key, encode(place)) for key in keys])
        found = (isinstance(reply, list) and reply not in ([], [[]]) for reply in replies)
        yield keys, [key for key, is_found in zip(keys, found, strict=True) if is_found]
