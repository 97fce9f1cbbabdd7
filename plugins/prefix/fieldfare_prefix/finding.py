"""Whether documents have a prefix that they should not: an application that does not know yet, or keys that stayed."""

from __future__ import annotations

from collections.abc import Iterator

from fieldfare.definition.reply import encode
from fieldfare.engine.meanwhile import Tally
from fieldfare.engine.run import Run
from fieldfare.findings import Finding, Severity
from fieldfare.journal import Undo
from fieldfare.plan import MigrationPlan
from fieldfare.server.keys import scan_keys
from fieldfare_prefix.move import KIND, Move
from fieldfare_prefix.placement import saw

__all__ = ["check_moves"]


def check_moves(plan: MigrationPlan, run: Run) -> list[Finding] | None:
    """Look for keys below the old prefixes that the target does not cover; None if no keys were moved.

    Scans the keyspace. When a run was taken back, keys below the new prefixes are looked for: documents that were
    added after the migration stay there.
    """
    moves = [Move.of(step) for step in plan.steps if step.kind == KIND]
    if plan.moves_keys:
        return [_check(move, plan, run) for move in moves] or None
    if run.has_backup and run.journal.progress.undo is not Undo.NONE:
        return [_check_back(move, plan, run) for move in moves] or None
    return None


def _check_back(move: Move, plan: MigrationPlan, run: Run) -> Finding:
    new, covered = move.new.decode("utf-8", "surrogateescape"), tuple(map(encode, plan.target.prefixes))
    stayed = Tally()
    stayed.add(key for key in scan_keys(run.server, run.source.storage, new) if not key.startswith(covered))
    return Finding(
        f"moved_back:{new}",
        not stayed.count,
        severity=Severity.WARNING,  # whoever wrote them may want them there
        detail=f"below {new!r}, where the index does not see them: {stayed}",
        data={"documents": stayed.count},
    )


def _check(move: Move, plan: MigrationPlan, run: Run) -> Finding:
    stray = Tally()
    stray.add(_stray(move, plan, run))
    old = move.old.decode("utf-8", "surrogateescape")
    return Finding(
        f"moved:{old}",
        not stray.count,
        severity=Severity.WARNING,  # somebody may write documents under the old prefix all the time
        detail=f"below {old!r}, where the index does not see them: {stray}",
        data={"documents": stray.count},
    )


def _stray(move: Move, plan: MigrationPlan, run: Run) -> Iterator[bytes]:
    covered, was_seen = tuple(map(encode, plan.target.prefixes)), saw(run)
    keys = scan_keys(run.server, plan.source.definition.storage, move.old.decode("utf-8", "surrogateescape"))
    return (key for key in keys if move.takes(key) and not key.startswith(covered) and was_seen(key))
