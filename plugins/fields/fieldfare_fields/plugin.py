"""Hook implementations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.changes import (
    AddField,
    Change,
    ChangeFieldPath,
    ChangeFieldType,
    ChangeStorage,
    RemoveField,
    RenameIndex,
    UpdateField,
    UpdateOption,
)
from fieldfare.markers import hookimpl
from fieldfare.plan import Claim, Estimate, MigrationPlan, Step
from fieldfare_fields.added import claim_added
from fieldfare_fields.blocked import claim_blocked
from fieldfare_fields.option import claim_option
from fieldfare_fields.removed import claim_removed
from fieldfare_fields.renamed import claim_renamed
from fieldfare_fields.updated import claim_updated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.live import LiveIndex

__all__ = ["fieldfare_classify", "fieldfare_estimate", "fieldfare_plan_steps"]


@hookimpl
def fieldfare_classify(change: Change, live: LiveIndex) -> Claim | None:  # noqa: PLR0911 - one line per kind
    """Claim what concerns the index alone, and block what would need other documents."""
    match change:
        case AddField():
            return claim_added(change, live)
        case RemoveField():
            return claim_removed(change, live)
        case UpdateField():
            return claim_updated(change, live)
        case UpdateOption():
            return claim_option(change, live)
        case RenameIndex():
            return claim_renamed(change, live)
        case ChangeStorage() | ChangeFieldType() | ChangeFieldPath():
            return claim_blocked(change)
        case _:
            return None


@hookimpl
def fieldfare_plan_steps() -> Sequence[Step]:
    """Plan nothing: dropping the index and creating it anew is all that these changes need."""
    return []


@hookimpl
def fieldfare_estimate(plan: MigrationPlan) -> Estimate | None:
    """Say that these changes write nothing to disk."""
    count = sum(_is_index_only(change) for change in plan.changes) if plan.supported else 0
    if not count:
        return None
    return Estimate(lines=(f"{count} index-only {'change' if count == 1 else 'changes'}: nothing is written to disk",))


def _is_index_only(change: Change) -> bool:
    match change:
        case UpdateField(_, attribute):
            return attribute not in {"datatype", "dims"}
        case AddField() | RemoveField() | UpdateOption() | RenameIndex():
            return True
        case _:
            return False
