"""Validation: keys below the old prefix after a migration, or below the new prefix after a rollback."""

from __future__ import annotations

from collections.abc import Callable

from fieldfare.definition.reply import encode, text
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

    In mode ``shadow`` keys are copied: None, too. Scans the keyspace. After a rollback, looks for keys below the new
    prefixes: documents that were added after the migration stay there.
    """
    if plan.mode == "shadow":
        return None  # documents have both keys until it is finalized
    moves = [Move.of(step) for step in plan.steps if step.kind == KIND]
    if plan.moves_keys:
        return [_check("moved", move.old, plan, run, _was_covered(move, run)) for move in moves] or None
    if run.has_backup and run.rollback_started:
        return [_check("moved_back", move.new, plan, run, lambda _: True) for move in moves] or None
    return None


def _was_covered(move: Move, run: Run) -> Callable[[bytes], bool]:
    """Return a function that tells whether the source index covered a key of this name, and the move applies to it."""
    is_visible = source_visibility(run)
    return lambda key: move.applies_to(key) and is_visible(key)


def _check(name: str, prefix: bytes, plan: MigrationPlan, run: Run, is_relevant: Callable[[bytes], bool]) -> Finding:
    below, prefixes = text(prefix), tuple(map(encode, plan.target.prefixes))
    keys = scan_keys(run.server, plan.source.definition.storage, below)
    uncovered = KeyCounter()
    uncovered.add(key for key in keys if not key.startswith(prefixes) and is_relevant(key))
    return Finding(
        f"{name}:{below}",
        not uncovered.count,
        severity=Severity.WARNING,  # applications may have written them there on purpose
        detail=f"below {below!r}, where the index does not cover them: {uncovered}",
        data={"documents": uncovered.count},
    )
