"""The step that measures recall: what a plan says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import asdict, frozen

from fieldfare.changes import RenameField
from fieldfare.plan import Phase, Step
from fieldfare_vectors.prediction_table import accepts_loss, min_recall_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from fieldfare.definition import Field
    from fieldfare.plan import MigrationPlan

__all__ = [
    "SUFFIX",
    "RecallParameters",
    "VectorFormat",
    "is_exhaustive",
    "new_field_name",
    "plan_recall",
    "upgrade_keys",
]

SUFFIX: Final = ".recall"
"""Ends the kind of every step that measures recall."""

QUERIES: Final = 100
"""How many documents the index is queried with."""

EXHAUSTIVE_QUERIES: Final = 25
"""How many are enough for an index that misses no neighbour, if no narrow result is to be expected."""

WIDE_MARGIN: Final = 0.04
"""How far the predicted recall is above the required one then: far more than 25 queries can be off by."""

SEED: Final = 7
"""Picks these documents."""

RENAMED_KEYS: Final = {
    "questions": "queries",
    "limit": "min_recall",
    "accepted": "accept_recall_loss",
    "predicted": "predicted_recall",
    "recall@10 before": "source_recall@10",
    "as asked": "recall@10_default_ef",
    "as asked before": "source_recall@10_default_ef",
}
"""Keys as version 0.1 wrote them to plans and journals → their names now; still read, written no more."""


def upgrade_keys(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return step parameters or receipt details with the names that keys have now, whichever version wrote them."""
    return {RENAMED_KEYS.get(key, key): value for key, value in facts.items()}


def is_exhaustive(field: Field) -> bool:
    """Return whether an index compares a query with every vector of a field, so that it misses no neighbour."""
    return str(field.attrs.get("algorithm", "")).upper() == "FLAT"


def new_field_name(plan: MigrationPlan, name: str) -> str:
    """Return the name that a field has after the migration."""
    new_names = {change.old: change.new for change in plan.changes if isinstance(change, RenameField)}
    return new_names.get(name, name)


@frozen
class VectorFormat:
    """The vectors of a field.

    Attributes:
        path: where documents have them.
        datatype: the datatype of their values.
        dims: values of one vector.
    """

    path: str
    datatype: str
    dims: int

    @classmethod
    def of(cls, field: Field) -> VectorFormat:
        """Return the format of a vector field."""
        return cls(field.path, str(field.attrs["datatype"]).lower(), int(field.attrs["dims"]))


@frozen
class RecallParameters:
    """The ``params`` of a step that measures recall.

    Attributes:
        field: the vector field, by its name before.
        predicted_recall: recall@10 on the sample of the plan.
        min_recall: the least recall@10 that is enough.
        accept_recall_loss: whether less is a warning instead of an error.
        queries: how many documents the index is queried with at most.
        seed: picks these documents.
    """

    field: str
    predicted_recall: float
    min_recall: float
    accept_recall_loss: bool = False
    queries: int = QUERIES
    seed: int = SEED

    @classmethod
    def of(cls, step: Step) -> RecallParameters:
        """Read the parameters of a step."""
        return cls(**upgrade_keys(step.params))

    def target_field(self, plan: MigrationPlan) -> Field | None:
        """Return the field as it is after the migration; None if the plan removes it."""
        return plan.target.find(new_field_name(plan, self.field))

    def query_count(self, plan: MigrationPlan) -> int:
        """Return how many documents the index is queried with.

        A FLAT index compares each query with all vectors, while applications wait. What it finds was predicted.
        """
        field = self.target_field(plan)
        is_clear = self.predicted_recall - self.min_recall >= WIDE_MARGIN
        return min(self.queries, EXHAUSTIVE_QUERIES) if field and is_exhaustive(field) and is_clear else self.queries

    def metric(self, plan: MigrationPlan) -> str:
        """Return the metric of the field after the migration: that of the application's next queries."""
        field = self.target_field(plan)
        return str(field.attrs["distance_metric"]).lower() if field else "l2"

    def source_format(self, plan: MigrationPlan) -> VectorFormat:
        """Return where the vectors are before the migration, and their datatype and dims.

        Raises:
            KeyError: the plan is not about an index with this field.
        """
        field = plan.source.definition.find(self.field)
        if field is None:
            raise KeyError(self.field)
        return VectorFormat.of(field)

    def is_rewritten(self, plan: MigrationPlan) -> bool:
        """Return whether the plan overwrites the vectors."""
        path = self.source_format(plan).path
        return any(step.transforms and path in step.fields for step in plan.steps)


def plan_recall(kind: str, field: str, predicted_recall: float | None, options: Mapping[str, Any]) -> Sequence[Step]:
    """Plan the step that compares the results of the target index with the true neighbours; it changes nothing.

    Args:
        kind: the kind of the step; ends in :data:`SUFFIX`.
        field: the vector field, by its name before.
        predicted_recall: recall@10 on the sample of the plan; if it is None, no recall is measured.
        options: the options of the plan: ``min_recall``, ``accept_recall_loss``.
    """
    if predicted_recall is None:
        return []
    parameters = RecallParameters(field, predicted_recall, min_recall_of(options), accepts_loss(options))
    summary = f"Measure recall@10 of {field!r} (up to {parameters.queries} queries)"
    return [Step.new(kind, Phase.VALIDATE, params=asdict(parameters), summary=summary)]
