"""Whether what is asked for can be carried out, as the planner and its plugins say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.errors import DiffError, FieldfareError, FileError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fieldfare.patch import SchemaPatch
    from fieldfare.plan import ClaimedChange, MigrationPlan
    from fieldfare.wizard.draft import Draft

__all__ = ["Examiner", "Objection"]


class Objection(ValueError):
    """What was asked for cannot be carried out.

    Attributes:
        reasons: one each, with its workaround where there is one.
    """

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("\n".join(["This cannot be done:", *(f"  - {reason}" for reason in self.reasons)]))


class Examiner:
    """Plans every change as soon as it is asked for.

    Args:
        make_plan: plans a patch for the index.
        known: reasons that are no news: those of the patch that the session started with.
    """

    def __init__(self, make_plan: Callable[[SchemaPatch], MigrationPlan], known: Sequence[str] = ()) -> None:
        self._make_plan = make_plan
        self._known = frozenset(known)

    def plan(self, draft: Draft) -> MigrationPlan:
        """Return the plan of a draft.

        Raises:
            Objection: there is none.
        """
        try:
            return self._make_plan(draft.patch)
        except (DiffError, FileError) as error:
            raise Objection(error.problems) from error
        except FieldfareError as error:
            raise Objection([str(error)]) from error

    def __call__(self, draft: Draft) -> Draft:
        """Return a draft that can be carried out.

        Raises:
            Objection: it cannot, for reasons that were not there before.
        """
        refused = [each for each in self.plan(draft).claims if not each.claim.is_supported]
        reasons = [_reason(each) for each in refused if str(each) not in self._known]
        if reasons:
            raise Objection(reasons)
        return draft


def _reason(refused: ClaimedChange) -> str:
    workaround = refused.claim.workaround
    return f"{refused.change}: {refused.claim.reason}" + (f"\n    Workaround: {workaround}" if workaround else "")
