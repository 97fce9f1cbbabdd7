"""Whether a change keeps enough recall to be planned."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Final

from attrs import frozen

from fieldfare.changes import UpdateField
from fieldfare_vectors.table import ASKED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from fieldfare.live import LiveIndex

__all__ = ["MIN_RECALL", "Verdict", "accepts_loss", "judge", "kept_before", "min_recall_of"]

MIN_RECALL: Final = 0.95
"""The least recall@10 that a change must keep if the user does not say."""


@frozen
class Verdict:
    """What a prediction means for a plan.

    Attributes:
        warnings: what the user should know, if the change is planned.
        refusal: why it is not; None if it is.
        workaround: what to do instead.
    """

    warnings: tuple[str, ...] = ()
    refusal: str | None = None
    workaround: str | None = None


def min_recall_of(options: Mapping[str, Any]) -> float:
    """Return the least recall@10 that the user wants kept."""
    return float(options.get("min_recall", MIN_RECALL))


def accepts_loss(options: Mapping[str, Any]) -> bool:
    """Return whether the user takes less than that."""
    return bool(options.get("accept_recall_loss"))


def kept_before(live: LiveIndex, field: str) -> float:
    """Return the recall@10 that is left of a field's neighbours by earlier changes of the same plan; 1 if all is.

    The limit is one for all that a plan does to the vectors, as it is when the run measures it.
    """
    claims = (each.claim for each in live.earlier if isinstance(each.change, UpdateField) and each.change.name == field)
    rows = (row for claim in claims if claim.is_supported for row in claim.details.get("prediction", ()))
    kept = (row["recall@10"] for row in rows if row["note"].startswith(ASKED))
    return prod((float(each) for each in kept if each is not None), start=1.0)


def judge(recall10: float | None, options: Mapping[str, Any], *, said: str, better: str) -> Verdict:
    """Compare a predicted recall with what the user wants kept.

    With too few vectors for a recall@10 there is nothing to compare, and nothing is refused.

    Args:
        recall10: what the change would keep; None if nobody knows.
        options: of the plan: ``min_recall``, ``accept_recall_loss``.
        said: what to tell if that is too little.
        better: what to do instead, besides accepting the loss.
    """
    if recall10 is None or recall10 >= min_recall_of(options):
        return Verdict()
    if accepts_loss(options):
        return Verdict(warnings=(said,))
    return Verdict(refusal=said, workaround=f"{better}, or plan with --accept-recall-loss")
