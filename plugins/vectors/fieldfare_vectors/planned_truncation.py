"""How a plan truncates the vectors of a field: for the encoding of queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldfare.plan import MigrationPlan

__all__ = ["TRUNCATE", "PlannedTruncation", "find_truncation"]

TRUNCATE: Final = "dims.truncate"
"""The kind of the steps that truncate vectors."""


@frozen
class PlannedTruncation:
    """How vectors of a field are truncated.

    Attributes:
        source: values of one vector before.
        target: values of one vector after.
        datatype: of the values, before and after.
        renormalize: whether each vector keeps its length.
    """

    source: int
    target: int
    datatype: str
    renormalize: bool

    def apply(self, values: NDArray[Any]) -> NDArray[Any]:
        """Truncate one vector, exactly as the plan truncates that of a document.

        Args:
            values: ``source`` of them.

        Returns:
            ``target`` values, float64.
        """
        import numpy as np  # noqa: PLC0415 - numpy costs start-up time

        from fieldfare_vectors.truncate import truncate  # noqa: PLC0415 - numpy costs start-up time
        from fieldfare_vectors.values import cast  # noqa: PLC0415 - numpy costs start-up time

        vector = cast(values[np.newaxis], self.datatype)
        short = cast(truncate(vector, self.target, renormalize=self.renormalize), self.datatype)
        found: NDArray[Any] = short[0].astype(np.float64)
        return found


def find_truncation(plan: MigrationPlan, field: str) -> PlannedTruncation | None:
    """Return how a plan truncates a field, by its name before the migration; None if it does not."""
    found = (step.params for step in plan.steps if step.kind == TRUNCATE and step.params["field"] == field)
    params = next(found, None)
    if params is None:
        return None
    return PlannedTruncation(params["source"], params["target"], params["datatype"], params["renormalize"])
