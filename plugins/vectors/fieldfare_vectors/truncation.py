"""What plans say of vectors that are cut, for whoever encodes queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldfare.plan import MigrationPlan

__all__ = ["KIND", "Truncation", "find_truncation"]

KIND: Final = "dims.truncate"
"""The kind of the steps that cut."""


@frozen
class Truncation:
    """How vectors of a field are cut.

    Attributes:
        source: values of one vector before.
        target: values of one vector after.
        datatype: in which they are cut.
        renormalize: whether each keeps its length.
    """

    source: int
    target: int
    datatype: str
    renormalize: bool

    def cut(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return what becomes of one vector, just as of a document's.

        Args:
            values: ``source`` of them.

        Returns:
            ``target`` values, float64.
        """
        import numpy as np  # noqa: PLC0415 - numpy costs start-up time

        from fieldfare_vectors.leading import leading  # noqa: PLC0415 - numpy costs start-up time
        from fieldfare_vectors.values import cast  # noqa: PLC0415 - numpy costs start-up time

        vector = cast(values[np.newaxis], self.datatype)
        short = cast(leading(vector, self.target, renormalize=self.renormalize), self.datatype)
        found: NDArray[Any] = short[0].astype(np.float64)
        return found


def find_truncation(plan: MigrationPlan, field: str) -> Truncation | None:
    """Return how a plan cuts a field, by its name before the migration; None if it does not."""
    found = (step.params for step in plan.steps if step.kind == KIND and step.params["field"] == field)
    params = next(found, None)
    if params is None:
        return None
    return Truncation(params["source"], params["target"], params["datatype"], params["renormalize"])
