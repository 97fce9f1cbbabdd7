"""Validation: keys below the old prefix after a migration, or below the new prefix after a rollback."""

from __future__ import annotations

from collections.abc import Iterator

from fieldfare.definition.reply import encode
from fieldfare.documents import KeyCounter
from fieldfare.hooks.run import Run
from fieldfare.plan import MigrationPlan
from fieldfare.report import Finding, Severity
from fieldfare.server.keys import scan_keys
from fieldfare_prefix.move import KIND, Move
from fieldfare_prefix.slot_visibility import source_visibility

__all__ = ["check_moves"]


def check_moves(plan: MigrationPlan, run: Run) -> list[Finding] | None:
    """Look for keys below the old prefixes that the target index does not cover; None if no keys were moved.

    Scans the keyspace. After a rollback, looks for keys below the new prefixes: documents that were added after the
    migration stay there.
    """
    moves = [Move.of(step) for step in plan.steps if step.kind == KIND]
    if plan.moves_keys:
        return [_check(move, plan, run) for move in moves] or None
    if run.has_backup and run.rollback_started:
        return [_check_after_rollback(move, plan, run) for move in moves] or None
    return None


def _check_after_rollback(move: Move, plan: MigrationPlan, run: Run) -> Finding:
    new, prefixes = move.new.decode("utf-8", "surrogateescape"), tuple(map(encode, plan.target.prefixes))
    uncovered = KeyCounter()
    uncovered.add(key for key in scan_keys(run.server, run.source.storage, new) if not key.startswith(prefixes))
    return Finding(
        f"moved_back:{new}",
        not uncovered.count,
        severity=Severity.WARNING,  # applications may have written them there on purpose
        detail=f"below {new!r}, where the index does not cover them: {uncovered}",
        data={"documents": uncovered.count},
    )


def _check(move: Move, plan: MigrationPlan, run: Run) -> Finding:
    uncovered = KeyCounter()
    uncovered.add(_uncovered_keys(move, plan, run))
    old = move.old.decode("utf-8", "surrogateescape")
    return Finding(
        f"moved:{old}",
        not uncovered.count,
        severity=Severity.WARNING,  # applications may still write documents below the old prefix
        detail=f"below {old!r}, where the index does not cover them: {uncovered}",
        data={"documents": uncovered.count},
    )


def _uncovered_keys(move: Move, plan: MigrationPlan, run: Run) -> Iterator[bytes]:
    prefixes, was_visible = tuple(map(encode, plan.target.prefixes)), source_visibility(run)
    keys = scan_keys(run.server, plan.source.definition.storage, move.old.decode("utf-8", "surrogateescape"))
    return (key for key in keys if move.applies_to(key) and not key.startswith(prefixes) and was_visible(key))
