"""The step ``dims.recall``: measuring what cutting has done to the answers of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare_vectors.parameters import plan_measurement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from fieldfare.plan import Claim, Step
    from fieldfare_dims.truncation import Parameters

__all__ = ["RECALL", "plan_recall"]

RECALL: Final = "dims.recall"


def plan_recall(parameters: Parameters, claim: Claim, options: Mapping[str, Any]) -> Sequence[Step]:
    """Plan a measurement where a recall was predicted."""
    rows = claim.details.get("prediction", ())
    predicted = next((row["recall@10"] for row in rows if row["dims"] == parameters.target), None)
    return plan_measurement(RECALL, parameters.field, predicted, options)
