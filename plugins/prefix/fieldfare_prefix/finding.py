"""Whether documents have a prefix that was changed: an application that does not know yet, or keys that stayed."""

from __future__ import annotations

from collections.abc import Iterator

from fieldfare.definition.reply import encode
from fieldfare.engine.meanwhile import Tally
from fieldfare.engine.run import Run
from fieldfare.findings import Finding, Severity
from fieldfare.plan import MigrationPlan
from fieldfare.server.keys import scan_keys
from fieldfare_prefix.move import KIND, Move
from fieldfare_prefix.placement import saw

__all__ = ["check_moves"]


def check_moves(plan: MigrationPlan, run: Run) -> list[Finding] | None:
    """Look for keys below the old prefixes that the target does not cover; None if no keys were moved.

    Scans the keyspace. Nothing is looked for when a run was taken back: then these are the right names.
    """
    moves = [Move.of(step) for step in plan.steps if step.kind == KIND] if plan.moves_keys else []
    return [_check(move, plan, run) for move in moves] or None


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
