"""The step ``dims.recall``: measuring what cutting has done to the answers of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare_vectors.parameters import Parameters as Measurement
from fieldfare_vectors.parameters import plan_measurement
from fieldfare_vectors.verdict import accepts_loss, min_recall_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from fieldfare.plan import Claim, Step
    from fieldfare_dims.truncation import Parameters

__all__ = ["RECALL", "plan_recall"]

RECALL: Final = "dims.recall"


def plan_recall(parameters: Parameters, claim: Claim, options: Mapping[str, Any]) -> Sequence[Step]:
    """Plan a measurement where a recall was predicted.

    Args:
        parameters: of the truncation.
        claim: with the figures that were predicted.
        options: of the plan: ``min_recall``, ``accept_recall_loss``.
    """
    rows = claim.details.get("prediction", ())
    predicted = next((row["recall@10"] for row in rows if row["dims"] == parameters.target), None)
    if predicted is None:
        return []
    limit, accepted = min_recall_of(options), accepts_loss(options)
    return [plan_measurement(RECALL, Measurement(parameters.field, predicted, limit, accepted))]
