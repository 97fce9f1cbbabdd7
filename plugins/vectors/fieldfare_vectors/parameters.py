"""What a plan says of a measurement of recall: the parameters of its step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import asdict, frozen

from fieldfare.changes import RenameField
from fieldfare.plan import Phase, Step
from fieldfare_vectors.verdict import accepts_loss, min_recall_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from fieldfare.definition import Field
    from fieldfare.plan import MigrationPlan

__all__ = ["QUESTIONS", "SUFFIX", "Parameters", "Vectors", "plan_measurement"]

SUFFIX: Final = ".recall"
"""Ends the kind of every step that measures."""

QUESTIONS: Final = 100
"""How many documents are asked about."""

SEED: Final = 7
"""Picks them."""


@frozen
class Vectors:
    """The vectors of a field.

    Attributes:
        path: where documents have them.
        datatype: of their values.
        dims: values of one vector.
    """

    path: str
    datatype: str
    dims: int

    @classmethod
    def of(cls, field: Field) -> Vectors:
        """Return those of a field."""
        return cls(field.path, str(field.attrs["datatype"]).lower(), int(field.attrs["dims"]))


@frozen
class Parameters:
    """What is measured.

    Attributes:
        field: the vector field, by its name before.
        predicted: recall@10 on the sample of the plan.
        limit: the least recall@10 that is enough.
        accepted: whether the user takes less.
        questions: how many documents are asked about.
        seed: of their choice.
    """

    field: str
    predicted: float
    limit: float
    accepted: bool = False
    questions: int = QUESTIONS
    seed: int = SEED

    @classmethod
    def of(cls, step: Step) -> Parameters:
        """Read the parameters of a step."""
        return cls(**step.params)

    def target_field(self, plan: MigrationPlan) -> Field | None:
        """Return the field as it is after the migration; None if it is gone."""
        new_names = {change.old: change.new for change in plan.changes if isinstance(change, RenameField)}
        return plan.target.find(new_names.get(self.field, self.field))

    def metric(self, plan: MigrationPlan) -> str:
        """Return the metric of the field after the migration: that of the application's next queries."""
        field = self.target_field(plan)
        return str(field.attrs["distance_metric"]).lower() if field else "l2"

    def vectors(self, plan: MigrationPlan) -> Vectors:
        """Return where the vectors are before, and what they look like.

        Raises:
            KeyError: the plan is not about an index with this field.
        """
        field = plan.source.definition.find(self.field)
        if field is None:
            raise KeyError(self.field)
        return Vectors.of(field)

    def is_rewritten(self, plan: MigrationPlan) -> bool:
        """Return whether the plan overwrites the vectors."""
        path = self.vectors(plan).path
        return any(step.transforms and path in step.fields for step in plan.steps)


def plan_measurement(kind: str, field: str, predicted: float | None, options: Mapping[str, Any]) -> Sequence[Step]:
    """Build the step that compares the answers of the target with the true ones; it changes nothing.

    Args:
        kind: of the step; ends in :data:`SUFFIX`.
        field: the vector field, by its name before.
        predicted: recall@10 on the sample of the plan; None if nothing was predicted: then nothing is measured.
        options: of the plan: ``min_recall``, ``accept_recall_loss``.
    """
    if predicted is None:
        return []
    parameters = Parameters(field, predicted, min_recall_of(options), accepts_loss(options))
    summary = f"Ask {field!r} for the neighbours of {parameters.questions} documents: recall@10"
    return [Step.new(kind, Phase.VALIDATE, params=asdict(parameters), summary=summary)]
