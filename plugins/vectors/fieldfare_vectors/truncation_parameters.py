"""The ``params`` of the step ``dims.truncate``: how the vectors of a field, and queries for it, are truncated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from fieldfare.definition import Storage
from fieldfare_vectors.datatype import width_of

if TYPE_CHECKING:
    from fieldfare.plan import MigrationPlan, Step

__all__ = ["TRUNCATE", "TruncationParameters", "find_truncation"]

TRUNCATE: Final = "dims.truncate"
"""The kind of the steps that truncate vectors."""


@frozen
class TruncationParameters:
    """How the vectors of a field are truncated.

    Attributes:
        field: the name of the field in queries.
        path: where the document holds the vector: a hash field or a JSON path.
        storage: how documents are stored.
        datatype: the datatype of the index; in a hash also that of the vector's bytes.
        source: values of one vector before.
        target: values of one vector after.
        metric: how the index compares vectors: ``cosine``, ``l2`` or ``ip``.
        renormalize: whether each vector keeps its length.
    """

    field: str
    path: str
    storage: str
    datatype: str
    source: int
    target: int
    metric: str
    renormalize: bool = True

    @classmethod
    def of(cls, step: Step) -> TruncationParameters:
        """Read the parameters of a step."""
        return cls(**step.params)

    @property
    def in_json(self) -> bool:
        """Whether documents hold numbers instead of bytes."""
        return self.storage == Storage.JSON

    @property
    def width(self) -> int:
        """Bytes of one value in the index."""
        return width_of(self.datatype)


def find_truncation(plan: MigrationPlan, field: str) -> TruncationParameters | None:
    """Return how a plan truncates a field, by its name before the migration; None if it does not."""
    steps = (step for step in plan.steps if step.kind == TRUNCATE and step.params["field"] == field)
    return next(map(TruncationParameters.of, steps), None)
