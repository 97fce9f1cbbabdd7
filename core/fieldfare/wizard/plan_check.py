"""Checks a draft with the planner and its plugins."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fieldfare.errors import DiffError, FieldfareError, FileError
from fieldfare.patch import SchemaPatch
from fieldfare.plan import ClaimedChange, MigrationPlan
from fieldfare.wizard.draft import Draft

__all__ = ["BlockedChange", "PlanCheck"]


class BlockedChange(ValueError):
    """The draft cannot be applied.

    Args:
        reasons: the reasons, with their workarounds.
    """

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("\n".join(["This cannot be done:", *(f"  - {reason}" for reason in reasons)]))


class PlanCheck:
    """Plans every draft.

    Args:
        make_plan: plans a patch for the index.
        known: reasons to ignore: those of the patch that the session started with.
    """

    def __init__(self, make_plan: Callable[[SchemaPatch], MigrationPlan], known: Sequence[str] = ()) -> None:
        self._make_plan = make_plan
        self._known = frozenset(known)

    def plan(self, draft: Draft) -> MigrationPlan:
        """Return the plan of a draft.

        Raises:
            BlockedChange: it cannot be planned.
        """
        try:
            return self._make_plan(draft.patch)
        except (DiffError, FileError) as error:
            raise BlockedChange(error.problems) from error
        except FieldfareError as error:
            raise BlockedChange([str(error)]) from error

    def __call__(self, draft: Draft) -> Draft:
        """Return the draft if it can be applied.

        Raises:
            BlockedChange: it cannot be applied, for new reasons.
        """
        blocked = [each for each in self.plan(draft).claims if not each.claim.is_supported]
        reasons = [_reason(each) for each in blocked if str(each) not in self._known]
        if reasons:
            raise BlockedChange(reasons)
        return draft


def _reason(blocked: ClaimedChange) -> str:
    workaround = blocked.claim.workaround
    return f"{blocked.change}: {blocked.claim.reason}" + (f"\n    Workaround: {workaround}" if workaround else "")
