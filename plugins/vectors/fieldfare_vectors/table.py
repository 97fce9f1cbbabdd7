"""What was found out on a sample, as plans hold it and people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fieldfare_vectors.datatype import width_of

if TYPE_CHECKING:
    from fieldfare_vectors.prediction import Prediction
    from fieldfare_vectors.sample import Sample

__all__ = ["ASKED", "facts", "figures", "mebibytes"]

ASKED: Final = "asked for"
"""Begins the note of the row that is about the change itself."""

DIGITS: Final = 4
TITLES: Final = ("recall@10", "recall@100", "mean cosine", "worst cosine", "mean error", "worst error")


def facts(sample: Sample, metric: str, min_recall: float) -> dict[str, Any]:
    """Return what the figures rest on, so that they can be had again."""
    from fieldfare_vectors.prediction import QUESTIONS, SEED  # noqa: PLC0415 - numpy costs start-up time

    sound = len(sample.sound)
    return {
        "documents": sample.documents,
        "vectors": sound,
        "questions": min(QUESTIONS, sound),
        "seed": SEED,
        "metric": metric,
        "min_recall": min_recall,
    }


def figures(prediction: Prediction | None) -> dict[str, float | None]:
    """Return the columns of a prediction by title; None where nothing was predicted."""
    if prediction is None:
        return dict.fromkeys(TITLES)
    recall = (prediction.recall.get(10), prediction.recall.get(100))
    shown = (*recall, *prediction.cosine, *prediction.error)
    return {title: None if each is None else round(each, DIGITS) for title, each in zip(TITLES, shown, strict=True)}


def mebibytes(documents: int, dims: int, datatype: str) -> float:
    """Return the memory of so many vectors, in MiB."""
    return round(width_of(datatype) * dims * documents / 2**20, 2)
