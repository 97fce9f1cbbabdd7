"""Hook implementations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fieldfare.changes import Change, ChangePrefix
from fieldfare.markers import hookimpl
from fieldfare_prefix.claim import claim_prefix
from fieldfare_prefix.forecast import forecast
from fieldfare_prefix.move import plan_move

if TYPE_CHECKING:
    from fieldfare.engine.run import Run
    from fieldfare.findings import Finding
    from fieldfare.live import LiveIndex
    from fieldfare.plan import Claim, Estimate, MigrationPlan, Receipt, Step

__all__ = [
    "fieldfare_backup",
    "fieldfare_classify",
    "fieldfare_estimate",
    "fieldfare_execute_step",
    "fieldfare_move_keys",
    "fieldfare_plan_steps",
    "fieldfare_undo_step",
    "fieldfare_validate",
    "fieldfare_verify_step",
]


@hookimpl
def fieldfare_classify(change: Change, live: LiveIndex) -> Claim | None:
    """Claim every change of a prefix."""
    return claim_prefix(change, live) if isinstance(change, ChangePrefix) else None


@hookimpl
def fieldfare_plan_steps(change: Change, live: LiveIndex) -> Sequence[Step]:
    """Move the keys below one prefix in one step."""
    return [plan_move(change, live.snapshot.definition.prefixes)] if isinstance(change, ChangePrefix) else []


@hookimpl
def fieldfare_estimate(plan: MigrationPlan) -> Estimate | None:
    """Estimate what moving writes to the append-only file."""
    return forecast(plan)


@hookimpl
def fieldfare_backup(step: Step, run: Run) -> None:
    """Look for whatever would stand in the way of some key, before any key moves."""
    from fieldfare_prefix.inspection import inspect  # noqa: PLC0415 - start-up time

    inspect(step, run)


@hookimpl
def fieldfare_execute_step(step: Step, run: Run) -> Receipt:
    """Move the captured keys, a batch at a time."""
    from fieldfare_prefix.execution import execute  # noqa: PLC0415 - start-up time

    return execute(step, run)


@hookimpl
def fieldfare_verify_step(step: Step, receipt: Receipt | None, run: Run) -> bool:
    """Look for keys that still have nothing but their old name."""
    from fieldfare_prefix.execution import verify  # noqa: PLC0415 - start-up time

    return receipt is not None and verify(step, run)


@hookimpl
def fieldfare_undo_step(step: Step, run: Run) -> None:
    """Move the captured keys back."""
    from fieldfare_prefix.execution import undo  # noqa: PLC0415 - start-up time

    undo(step, run)


@hookimpl(trylast=True)
def fieldfare_move_keys(pairs: Sequence[tuple[bytes, bytes]], run: Run) -> Sequence[bool] | None:
    """Rename keys whose old and new name lie in one slot; a plugin that knows the topology better comes first."""
    from fieldfare_prefix.rename import rename_keys  # noqa: PLC0415 - start-up time

    return rename_keys(run.server, pairs)


@hookimpl
def fieldfare_validate(plan: MigrationPlan, run: Run) -> Sequence[Finding] | None:
    """Look for documents that have the old prefix; after a rollback, for those that have the new one."""
    from fieldfare_prefix.finding import check_moves  # noqa: PLC0415 - start-up time

    return check_moves(plan, run)
