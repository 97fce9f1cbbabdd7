"""The predicted recall of several choices, as a claim in the plan holds it, and whether it is enough for a plan."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from fieldfare.changes import UpdateField
from fieldfare.plan import Claim
from fieldfare_vectors.datatype import width_of
from fieldfare_vectors.sample import FIRST_SHARE, LEAST_FIRST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare_vectors.recall_prediction import Prediction
    from fieldfare_vectors.sample import Sample

__all__ = ["REQUESTED", "PredictionTable", "accepts_loss", "min_recall_of", "requested_recall"]

MIN_RECALL: Final = 0.95
"""The least recall@10 that a change must keep, unless the user says otherwise."""

UNCERTAINTY: Final = 0.005
"""By how much the recall@10 of a first sample may be too high by chance: more than three standard errors.

Recall@10 of 20,000 sentence embeddings (all-MiniLM-L6-v2) under cosine, predicted with 250 queries on 20 samples of
5,000 and on the first 1,000 of each: both means, the standard error of a first one, the largest difference of a pair.

=============================  ======  ======  ======  ======
change                          1,000   5,000      SE    most
=============================  ======  ======  ======  ======
float16                        0.9999  0.9999  0.0002  0.0004
bfloat16                       0.9988  0.9987  0.0005  0.0016
int8                           0.9946  0.9949  0.0011  0.0052
bfloat16, far from the origin  0.9886  0.9882  0.0024  0.0064
352 of 384 principal axes      0.9946  0.9945  0.0014  0.0036
288 of 384 principal axes      0.9791  0.9782  0.0025  0.0080
192 of 384 principal axes      0.9047  0.8963  0.0054  0.0244
=============================  ======  ======  ======  ======
"""

REQUESTED: Final = "requested"
"""Begins the note of the row for the change that the patch requests."""

DIGITS: Final = 4
COLUMNS: Final = ("recall@10", "recall@100", "mean_cosine", "worst_cosine", "mean_error", "worst_error")


def min_recall_of(options: Mapping[str, Any]) -> float:
    """Return the least recall@10 that a plan requires."""
    return float(options.get("min_recall", MIN_RECALL))


def accepts_loss(options: Mapping[str, Any]) -> bool:
    """Return whether the user accepts less than that."""
    return bool(options.get("accept_recall_loss"))


def requested_recall(details: Mapping[str, Any]) -> float | None:
    """Return the recall@10 that a claim predicts for the requested change; None if it predicts none."""
    rows = (row for row in details.get("prediction", ()) if row["note"].startswith(REQUESTED))
    return next((row["recall@10"] for row in rows), None)


@frozen(eq=False)
class PredictionTable:
    """Predictions for one vector field: one row for each choice.

    Attributes:
        field: the vector field.
        metric: how the index compares its vectors.
        sample: the sample of its vectors.
        live: the index, with the options ``min_recall`` and ``accept_recall_loss``.
    """

    field: str
    metric: str
    sample: Sample
    live: LiveIndex

    @property
    def min_recall(self) -> float:
        """The least recall@10 that the plan requires."""
        return min_recall_of(self.live.options)

    @property
    def previous_recall(self) -> float:
        """The recall@10 that previous changes of the same plan leave of the field's neighbours; 1 if all.

        The limit holds for all changes of the vectors together, as it does when the run measures the recall.
        """
        recalls = (
            requested_recall(each.claim.details)
            for each in self.live.previous_changes
            if isinstance(each.change, UpdateField) and each.change.name == self.field and each.claim.is_supported
        )
        return prod((each for each in recalls if each is not None), start=1.0)

    def total_recall(self, prediction: Prediction) -> float | None:
        """Return the recall@10 that a choice and the previous changes leave; None if there are too few vectors."""
        return None if prediction.recall10 is None else prediction.recall10 * self.previous_recall

    def is_enough(self, prediction: Prediction) -> bool:
        """Return whether a choice keeps enough; what is unknown is not enough."""
        return (self.total_recall(prediction) or 0) >= self.min_recall

    def is_clear(self, prediction: Prediction) -> bool:
        """Return whether a choice keeps so much that the whole sample would not decide otherwise.

        In a larger sample neighbours are closer together, so more of them change places: up to as many times more as
        the sample is larger (vectors along a line), and hardly more for embeddings. The worst case is assumed.
        """
        if self.sample.is_whole:
            return True
        if prediction.recall10 is None or len(self.sample.finite_vectors) < LEAST_FIRST:
            return False
        least = 1 - (1 - prediction.recall10) * FIRST_SHARE
        return least * self.previous_recall - UNCERTAINTY >= self.min_recall

    def row(
        self, choice: Mapping[str, Any], prediction: Prediction | None, *notes: str, dims: int, datatype: str
    ) -> dict[str, Any]:
        """Return a row of the table.

        Args:
            choice: the first column: the datatype, or the dims.
            prediction: what the choice keeps; None where nothing was predicted.
            notes: remarks; empty ones are left out.
            dims: values of one vector, with this choice.
            datatype: the datatype of the values, with this choice.
        """
        figures: dict[str, float | None] = dict.fromkeys(COLUMNS)
        if prediction is not None:
            recall = (prediction.recall.get(10), prediction.recall.get(100))
            values = zip(COLUMNS, (*recall, *prediction.cosine, *prediction.error), strict=True)
            figures = {column: None if each is None else round(each, DIGITS) for column, each in values}
            if recall[0] is not None and not self.is_enough(prediction):
                notes = (*notes, f"below {self.min_recall:g}")
        size = round(width_of(datatype) * dims * self.live.snapshot.stats.num_docs / 2**20, 2)
        return {**choice, **figures, "size_mib": size, "note": ", ".join(filter(None, notes))}

    def details(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Return the details of a claim: the table, and what somebody needs to repeat the prediction."""
        from fieldfare_vectors.recall_prediction import QUERIES, SEED  # noqa: PLC0415 - numpy costs start-up time

        vectors = len(self.sample.finite_vectors)
        facts = {
            "documents": self.sample.document_count,
            "vectors": vectors,
            "queries": min(QUERIES, vectors),
            "seed": SEED,
            "metric": self.metric,
            "min_recall": self.min_recall,
        }
        return {"sample": facts, "prediction": rows}

    def claim(self, choice: str, prediction: Prediction, details: Mapping[str, Any], better: str) -> Claim:
        """Claim the requested change: as supported if it keeps enough recall, or if the user accepts less.

        With too few vectors for a recall@10 there is nothing to compare, and nothing is refused.

        Args:
            choice: what is requested, for the message.
            prediction: what it keeps.
            details: the details of the claim.
            better: what to do instead, besides accepting the loss.
        """
        recall, total = prediction.recall10, self.total_recall(prediction)
        if recall is None or total is None or total >= self.min_recall:
            return Claim.supported(details=details)
        before = self.previous_recall
        previous = f", and earlier changes {before:.3f}: {total:.3f} together" if before < 1 else ""
        complaint = (
            f"{self.field!r}: {choice} would keep {recall:.3f} of the ten nearest neighbours (recall@10) under "
            f"{self.metric}{previous}, less than the required {self.min_recall:g}; predicted on "
            f"{len(self.sample.vectors):,} vectors"
        )
        if accepts_loss(self.live.options):
            return Claim.supported(warnings=[complaint], details=details)
        return Claim.blocked(complaint, workaround=f"{better}, or plan with --accept-recall-loss", details=details)
