"""Whether a change keeps enough recall to be planned."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Final

from attrs import frozen

from fieldfare.changes import UpdateField
from fieldfare_vectors.prediction_table import requested_recall

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from fieldfare.hooks.live_index import LiveIndex

__all__ = [
    "MIN_RECALL",
    "RecallVerdict",
    "accepts_loss",
    "check_predicted_recall",
    "min_recall_of",
    "recall_after_previous_changes",
]

MIN_RECALL: Final = 0.95
"""The least recall@10 that a change must keep, unless the user says otherwise."""


@frozen
class RecallVerdict:
    """What a predicted recall means for a plan.

    Attributes:
        warnings: what the user should know, if the change is planned.
        refusal: why the change is blocked; None if it is planned.
        workaround: what to do instead.
    """

    warnings: tuple[str, ...] = ()
    refusal: str | None = None
    workaround: str | None = None


def min_recall_of(options: Mapping[str, Any]) -> float:
    """Return the least recall@10 that a plan requires."""
    return float(options.get("min_recall", MIN_RECALL))


def accepts_loss(options: Mapping[str, Any]) -> bool:
    """Return whether the user accepts less than that."""
    return bool(options.get("accept_recall_loss"))


def recall_after_previous_changes(live: LiveIndex, field: str) -> float:
    """Return the recall@10 that previous changes of the same plan leave of a field's neighbours; 1 if all.

    The limit holds for all changes of the vectors together, as it does when the run measures the recall.
    """
    recalls = (
        requested_recall(each.claim.details)
        for each in live.previous_changes
        if isinstance(each.change, UpdateField) and each.change.name == field and each.claim.is_supported
    )
    return prod((each for each in recalls if each is not None), start=1.0)


def check_predicted_recall(
    recall10: float | None, options: Mapping[str, Any], *, complaint: str, better: str
) -> RecallVerdict:
    """Compare a predicted recall with the required one.

    With too few vectors for a recall@10 there is nothing to compare, and nothing is refused.

    Args:
        recall10: what the change keeps; None if it is unknown.
        options: of the plan: ``min_recall``, ``accept_recall_loss``.
        complaint: the message if that is too little.
        better: what to do instead, besides accepting the loss.
    """
    if recall10 is None or recall10 >= min_recall_of(options):
        return RecallVerdict()
    if accepts_loss(options):
        return RecallVerdict(warnings=(complaint,))
    return RecallVerdict(refusal=complaint, workaround=f"{better}, or plan with --accept-recall-loss")
