"""The predicted recall of several choices, as a claim in the plan holds it: one row for each choice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fieldfare_vectors.datatype import width_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldfare_vectors.recall_prediction import Prediction
    from fieldfare_vectors.sample import Sample

__all__ = ["REQUESTED", "build_row", "requested_recall", "sample_facts"]

REQUESTED: Final = "requested"
"""Begins the note of the row for the change that the patch requests."""

DIGITS: Final = 4
COLUMNS: Final = ("recall@10", "recall@100", "mean_cosine", "worst_cosine", "mean_error", "worst_error")


def sample_facts(sample: Sample, metric: str, min_recall: float) -> dict[str, Any]:
    """Return what somebody needs to repeat the prediction."""
    from fieldfare_vectors.recall_prediction import QUERIES, SEED  # noqa: PLC0415 - numpy costs start-up time

    vectors = len(sample.finite_vectors)
    return {
        "documents": sample.document_count,
        "vectors": vectors,
        "queries": min(QUERIES, vectors),
        "seed": SEED,
        "metric": metric,
        "min_recall": min_recall,
    }


def build_row(  # noqa: PLR0913 - the columns
    choice: Mapping[str, Any],
    prediction: Prediction | None,
    *,
    documents: int,
    dims: int,
    datatype: str,
    notes: tuple[str, ...],
) -> dict[str, Any]:
    """Return a row of the table.

    Args:
        choice: the first column: the datatype, or the dims.
        prediction: what the choice keeps; None where nothing was predicted.
        documents: how many documents the index has.
        dims: values of one vector, with this choice.
        datatype: of the values, with this choice.
        notes: remarks; empty ones are left out.
    """
    figures: dict[str, float | None] = dict.fromkeys(COLUMNS)
    if prediction is not None:
        recall = (prediction.recall.get(10), prediction.recall.get(100))
        values = (*recall, *prediction.cosine, *prediction.error)
        figures = {
            column: None if each is None else round(each, DIGITS) for column, each in zip(COLUMNS, values, strict=True)
        }
    size = round(width_of(datatype) * dims * documents / 2**20, 2)
    return {**choice, **figures, "size_mib": size, "note": ", ".join(filter(None, notes))}


def requested_recall(details: Mapping[str, Any]) -> float | None:
    """Return the recall@10 that a claim predicts for the requested change; None if it predicts none."""
    rows = (row for row in details.get("prediction", ()) if row["note"].startswith(REQUESTED))
    return next((row["recall@10"] for row in rows), None)
