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
from fieldfare.hooks.markers import hookimpl
from fieldfare.plan import Claim, Estimate, MigrationPlan, Step
from fieldfare.support.wording import counted
from fieldfare_fields.add_field import claim_add_field
from fieldfare_fields.blocked import claim_unsupported
from fieldfare_fields.index_option import claim_index_option, claim_rename_index
from fieldfare_fields.remove_field import claim_remove_field
from fieldfare_fields.update_field import claim_update_field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.hooks.live_index import LiveIndex


@hookimpl
def fieldfare_classify(change: Change, live: LiveIndex) -> Claim | None:  # noqa: PLR0911 - one line per kind
    """Claim changes of the index alone, and block changes that would need converted documents."""
    match change:
        case AddField():
            return claim_add_field(change, live)
        case RemoveField():
            return claim_remove_field(change, live)
        case UpdateField():
            return claim_update_field(change, live)
        case UpdateOption():
            return claim_index_option(change, live)
        case RenameIndex():
            return claim_rename_index(change, live)
        case ChangeStorage() | ChangeFieldType() | ChangeFieldPath():
            return claim_unsupported(change)
        case _:
            return None


@hookimpl
def fieldfare_plan_steps() -> Sequence[Step]:
    """Plan nothing: these changes only need the index to be dropped and created again."""
    return []


@hookimpl
def fieldfare_estimate(plan: MigrationPlan) -> Estimate | None:
    """Report that these changes write nothing to disk."""
    count = sum(_is_index_only(change) for change in plan.changes) if plan.supported else 0
    if not count:
        return None
    return Estimate(lines=(f"{counted(count, 'index-only change')}: nothing is written to disk",))


def _is_index_only(change: Change) -> bool:
    match change:
        case UpdateField(_, attribute):
            return attribute not in {"datatype", "dims"}
        case AddField() | RemoveField() | UpdateOption() | RenameIndex():
            return True
        case _:
            return False
