"""Whether documents still have a value under the old name alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fieldfare.changes import RenameField
from fieldfare.definition import Storage
from fieldfare.engine.meanwhile import Tally, departed
from fieldfare.engine.newcomers import newcomers
from fieldfare.engine.run import Run
from fieldfare.findings import Finding, Severity
from fieldfare.journal import Undo
from fieldfare.plan import MigrationPlan
from fieldfare.wire import encode
from fieldfare_rename.rename import Rename, renames_of

__all__ = ["check_renames"]


def check_renames(plan: MigrationPlan, run: Run) -> list[Finding] | None:
    """Look for documents that have the old name again, or still; all that were captured or came meanwhile.

    Without a backup only the sampled keys are looked at. When a run was taken back, documents that were added after
    it are looked at, for they stay as they are. None if nothing was renamed.
    """
    if run.has_backup and run.journal.progress.undo is not Undo.NONE:
        steps = [rename for _, rename in renames_of(plan.steps)]
        emptied = {rename.source for rename in steps}
        return [_check_back(rename, run) for rename in steps if rename.target not in emptied] or None
    wanted = {change.old for change in plan.changes if isinstance(change, RenameField)}
    renames = [rename for _, rename in renames_of(plan.steps) if rename.old in wanted]
    taken = {rename.target for rename in renames}
    return [_check(rename, plan, run) for rename in renames if rename.source not in taken] or None


def _check_back(rename: Rename, run: Run) -> Finding:
    ask = b"HEXISTS" if run.source.storage is Storage.HASH else b"JSON.TYPE"
    source, target = encode(rename.source), encode(rename.target)
    stayed = Tally()
    for keys in newcomers(run, departed(run).count):
        replies = run.server.bulk([(ask, key, name) for key in keys for name in (target, source)])
        pairs = zip(keys, replies[::2], replies[1::2], strict=True)
        stayed.add(key for key, new, old in pairs if _is_there(new) and not _is_there(old))
    return Finding(
        f"renamed_back:{rename.old}",
        not stayed.count,
        severity=Severity.WARNING,  # they were there at no time under the old name
        detail=f"added since, with {rename.target!r} and no {rename.source!r}: {stayed}",
        data={"documents": stayed.count},
    )


def _check(rename: Rename, plan: MigrationPlan, run: Run) -> Finding:
    ask = b"HEXISTS" if run.source.storage is Storage.HASH else b"JSON.TYPE"
    source, target = encode(rename.source), encode(rename.target)
    old, both = Tally(), Tally()
    looked = 0
    for keys in _keys(plan, run):
        replies = run.server.bulk([(ask, key, source) for key in keys])
        suspects = [key for key, reply in zip(keys, replies, strict=True) if _is_there(reply)]
        replies = run.server.bulk([(ask, key, target) for key in suspects]) if suspects else []
        old.add(key for key, reply in zip(suspects, replies, strict=True) if not _is_there(reply))
        both.add(key for key, reply in zip(suspects, replies, strict=True) if _is_there(reply))
        looked += len(keys)
    problems = []
    if old.count:
        problems.append(f"{rename.source!r} and no {rename.target!r}: {old}")
    if both.count:
        problems.append(f"{rename.source!r} besides {rename.target!r}: {both}")
    return Finding(
        f"renamed:{rename.new}",
        not problems,
        severity=Severity.WARNING,  # somebody may write documents under the old name all the time
        detail="; ".join(problems) or f"{looked:,} documents looked at",
        data={"documents": looked, "old_name": old.count, "both_names": both.count},
    )


def _keys(plan: MigrationPlan, run: Run) -> Iterator[Sequence[bytes]]:
    """Yield the keys that documents have after the migration, a batch at a time; those that came meanwhile, too."""
    if not run.has_backup:
        yield [plan.moved(encode(key)) for key in plan.source.key_sample]
        return
    for keys in run.store.iter_keys():
        yield [plan.moved(key) for key in keys]
    yield from newcomers(run, departed(run).count)


def _is_there(reply: object) -> bool:
    return reply == 1 or (isinstance(reply, list) and reply not in ([], [[]]))
