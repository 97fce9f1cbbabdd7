"""Whether documents still have a value under the old name alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fieldfare.changes import RenameField
from fieldfare.definition import Storage
from fieldfare.documents import EXAMPLES
from fieldfare.engine.run import Run
from fieldfare.findings import Finding, Severity
from fieldfare.plan import MigrationPlan
from fieldfare.wire import encode
from fieldfare_rename.rename import Rename, renames_of

__all__ = ["check_renames"]


def check_renames(plan: MigrationPlan, run: Run) -> list[Finding] | None:
    """Look for documents that were renamed and have the old name again, or still; all that were captured.

    Without a backup only the sampled keys are looked at. None if nothing was renamed.
    """
    wanted = {change.old for change in plan.changes if isinstance(change, RenameField)}
    renames = [rename for _, rename in renames_of(plan.steps) if rename.old in wanted]
    taken = {rename.target for rename in renames}
    return [_check(rename, plan, run) for rename in renames if rename.source not in taken] or None


def _check(rename: Rename, plan: MigrationPlan, run: Run) -> Finding:
    ask = b"HEXISTS" if run.source.storage is Storage.HASH else b"JSON.TYPE"
    source, target = encode(rename.source), encode(rename.target)
    old: list[bytes] = []
    looked = 0
    for keys in _keys(plan, run):
        replies = run.server.bulk([(ask, key, source) for key in keys])
        suspects = [key for key, reply in zip(keys, replies, strict=True) if _is_there(reply)]
        replies = run.server.bulk([(ask, key, target) for key in suspects]) if suspects else []
        old += [key for key, reply in zip(suspects, replies, strict=True) if not _is_there(reply)]
        looked += len(keys)
    shown = ", ".join(key.decode("utf-8", "backslashreplace") for key in old[:EXAMPLES])
    detail = f"{looked:,} documents looked at"
    if old:
        detail = f"{len(old):,} documents have {rename.source!r} and no {rename.target!r}: {shown}"
    return Finding(
        f"renamed:{rename.new}",
        not old,
        severity=Severity.WARNING,  # somebody may write documents under the old name all the time
        detail=detail,
        data={"documents": looked, "old_name": len(old)},
    )


def _keys(plan: MigrationPlan, run: Run) -> Iterator[Sequence[bytes]]:
    """Yield the keys that documents have after the migration, a batch at a time."""
    batches: Iterable[Sequence[bytes]] = (
        run.store.iter_keys() if run.has_backup else [[encode(key) for key in plan.source.key_sample]]
    )
    return ([plan.moved(key) for key in keys] for keys in batches if keys)


def _is_there(reply: object) -> bool:
    return reply == 1 or (isinstance(reply, list) and reply not in ([], [[]]))
