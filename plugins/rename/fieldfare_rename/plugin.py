"""Hook implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.changes import Change, RenameField
from fieldfare.hooks.markers import hookimpl
from fieldfare.plan import Estimate
from fieldfare_rename.claim import claim_rename, fields_of
from fieldfare_rename.rename import Rename, plan_rename, renames_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare.hooks.run import Run
    from fieldfare.plan import Claim, MigrationPlan, Receipt, Step
    from fieldfare.report import Finding


@hookimpl
def fieldfare_classify(change: Change, live: LiveIndex) -> Claim | None:
    """Claim every change of a field's name."""
    return claim_rename(change, live) if isinstance(change, RenameField) else None


@hookimpl
def fieldfare_plan_steps(change: Change, live: LiveIndex) -> Sequence[Step]:
    """Plan one step that moves the value in every document, unless only the name in queries changes."""
    fields = fields_of(change, live) if isinstance(change, RenameField) else None
    if fields is None or fields[0].path == fields[1].path:
        return []
    return [plan_rename(Rename.between(*fields, live.definition.storage))]


@hookimpl
def fieldfare_estimate(plan: MigrationPlan) -> Estimate | None:
    """Estimate what is written to disk."""
    renames = [rename for _, rename in renames_of(plan.steps)]
    lines = [f"rename {each.old!r}: only documents that have {each.new!r} already are backed up" for each in renames]
    lines += [
        f"rename {each.old!r}: nothing is written to disk"
        for each in plan.changes
        if plan.supported and isinstance(each, RenameField) and _is_of_the_index_alone(each, plan)
    ]
    return Estimate(lines=tuple(lines)) if lines else None


def _is_of_the_index_alone(change: RenameField, plan: MigrationPlan) -> bool:
    """Whether documents keep the value where it is."""
    before, after = plan.source.definition.find(change.old), plan.target.find(change.new)
    return before is not None and after is not None and before.path == after.path


@hookimpl
def fieldfare_rehearse_step(run: Run) -> None:
    """Try the commands that move values, on documents that do not exist."""
    from fieldfare_rename.rights import require_rights  # noqa: PLC0415 - start-up time

    require_rights(run)


@hookimpl
def fieldfare_backup(step: Step, run: Run) -> None:
    """Look for documents that have both names, and save both values."""
    from fieldfare_rename.backup import back_up  # noqa: PLC0415 - start-up time

    back_up(step, run)


@hookimpl
def fieldfare_execute_step(step: Step, run: Run) -> Receipt:
    """Move the value in every document."""
    from fieldfare_rename.execution import execute  # noqa: PLC0415 - start-up time

    return execute(step, run)


@hookimpl
def fieldfare_verify_step(receipt: Receipt | None) -> bool:
    """Whether the step finished; after a crash it is executed again, and leaves renamed documents alone."""
    return receipt is not None


@hookimpl
def fieldfare_undo_step(step: Step, run: Run) -> None:
    """Move every value back."""
    from fieldfare_rename.execution import undo  # noqa: PLC0415 - start-up time

    undo(step, run)


@hookimpl
def fieldfare_validate(plan: MigrationPlan, run: Run) -> Sequence[Finding] | None:
    """Look for documents with the old name; after a rollback, with the new name."""
    from fieldfare_rename.finding import check_renames  # noqa: PLC0415 - start-up time

    return check_renames(plan, run)
