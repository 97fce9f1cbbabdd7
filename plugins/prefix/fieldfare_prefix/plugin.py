"""Hook implementations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fieldfare.changes import Change, ChangePrefix
from fieldfare.hooks.markers import hookimpl
from fieldfare_prefix.claim import claim_prefix
from fieldfare_prefix.move import Move, estimate_moves, plan_move

if TYPE_CHECKING:
    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare.hooks.run import Run
    from fieldfare.plan import Claim, Estimate, MigrationPlan, Receipt, Step
    from fieldfare.report import Finding


@hookimpl
def fieldfare_classify(change: Change, live: LiveIndex) -> Claim | None:
    """Claim every change of a prefix."""
    return claim_prefix(change, live) if isinstance(change, ChangePrefix) else None


@hookimpl
def fieldfare_plan_steps(change: Change, live: LiveIndex) -> Sequence[Step]:
    """Plan one step that moves the keys below the prefix."""
    return [plan_move(change, live.snapshot.definition.prefixes)] if isinstance(change, ChangePrefix) else []


@hookimpl
def fieldfare_estimate(plan: MigrationPlan) -> Estimate | None:
    """Estimate what moving writes to the append-only file."""
    return estimate_moves(plan)


@hookimpl
def fieldfare_name_keys(step: Step, keys: Sequence[bytes], back: bool) -> Sequence[bytes]:  # noqa: FBT001 - a hook
    """Replace one prefix by the other."""
    return Move.of(step).names(keys, back=back)


@hookimpl
def fieldfare_rehearse_step(step: Step, run: Run) -> None:
    """Try the commands that move keys, on keys that do not exist."""
    from fieldfare_prefix.rights import require_rights  # noqa: PLC0415 - start-up time

    require_rights(step, run)


@hookimpl
def fieldfare_backup(step: Step, run: Run) -> None:
    """Check all keys before any of them moves."""
    from fieldfare_prefix.preflight import check_keys  # noqa: PLC0415 - start-up time

    check_keys(step, run)


@hookimpl
def fieldfare_execute_step(step: Step, run: Run) -> Receipt:
    """Move the captured keys, a batch at a time."""
    from fieldfare_prefix.execution import execute  # noqa: PLC0415 - start-up time

    return execute(step, run)


@hookimpl
def fieldfare_verify_step(step: Step, receipt: Receipt | None, run: Run) -> bool:
    """Look for keys that exist only under their old name."""
    from fieldfare_prefix.execution import verify  # noqa: PLC0415 - start-up time

    return receipt is not None and verify(step, run)


@hookimpl
def fieldfare_undo_step(step: Step, run: Run) -> None:
    """Move the captured keys back."""
    from fieldfare_prefix.execution import undo  # noqa: PLC0415 - start-up time

    undo(step, run)


@hookimpl(trylast=True)
def fieldfare_move_keys(pairs: Sequence[tuple[bytes, bytes]], run: Run) -> Sequence[bool] | None:
    """Rename keys whose old and new name lie in one slot; a plugin for a special topology is asked first."""
    from fieldfare_prefix.rename import rename_keys  # noqa: PLC0415 - start-up time

    return rename_keys(run.server, pairs)


@hookimpl
def fieldfare_validate(plan: MigrationPlan, run: Run) -> Sequence[Finding] | None:
    """Look for keys below the old prefix; after a rollback, below the new one."""
    from fieldfare_prefix.finding import check_moves  # noqa: PLC0415 - start-up time

    return check_moves(plan, run)
