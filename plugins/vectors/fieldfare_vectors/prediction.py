"""What a change of vectors would do to the answers of queries, found out on a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import frozen

from fieldfare_vectors.recall import Space, recalls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["QUESTIONS", "SEED", "Candidate", "Prediction", "predict"]

QUESTIONS: Final = 500
"""How many vectors of the sample are looked for among all of it."""

BLOCK: Final = 500
"""How many vectors are compared at once; bounds the memory."""

SEED: Final = 7
"""Picks the questions; written into every plan."""


@frozen(eq=False)
class Candidate:
    """What a sample of vectors could become.

    Attributes:
        vectors: as the index would hold them; one row for each of the sample, of any width.
        meaning: the values that they stand for; rows as wide as the sample's.
        datatype: of the index.
    """

    vectors: NDArray[Any]
    meaning: NDArray[Any]
    datatype: str = "float32"


@frozen
class Prediction:
    """What is left of vectors after a change.

    Attributes:
        recall: depth → share of true nearest neighbours found, 0 to 1; empty where there are too few vectors.
        cosine: mean and least cosine of a vector with what becomes of it.
        error: mean and largest distance of a vector from what it stands for then, relative to its length.
    """

    recall: Mapping[int, float]
    cosine: tuple[float, float]
    error: tuple[float, float]

    @property
    def recall10(self) -> float | None:
        """Recall@10, or None where there are too few vectors."""
        return self.recall.get(10)


def predict(
    vectors: NDArray[Any],
    metric: str,
    candidates: Mapping[str, Callable[[], Candidate]],
    *,
    meaning: NDArray[Any] | None = None,
    seed: int = SEED,
) -> dict[str, Prediction]:
    """Compare the exact nearest neighbours of a sample before and after each of several changes.

    Memory: the sample, and one candidate at a time.

    Args:
        vectors: rows of ``dims`` values, a sample as it is now: finite floats, or codes.
        metric: ``cosine``, ``l2`` or ``ip``.
        candidates: what makes of the sample what it could become, by name.
        meaning: the values that the sample stands for, where it has codes.
        seed: of the choice of questions.
    """
    questions = np.random.default_rng(seed).permutation(len(vectors))[:QUESTIONS]
    meant = vectors.astype(np.float32, copy=False) if meaning is None else meaning
    nearness: dict[str, tuple[tuple[float, float], tuple[float, float]]] = {}

    def spaces() -> Iterator[Space]:
        for name, make in candidates.items():
            candidate = make()
            nearness[name] = _nearness(meant, candidate.meaning)
            yield Space.indexed(candidate.vectors, candidate.datatype, metric)

    recall = recalls(Space.of(vectors, metric), spaces(), questions)
    return {name: Prediction(each, *nearness[name]) for name, each in zip(candidates, recall, strict=True)}


def _nearness(values: NDArray[Any], meant: NDArray[Any]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return mean and least cosine, and mean and largest relative error; vectors of zeros have neither."""
    blocks = [
        _compared(values[start : start + BLOCK], meant[start : start + BLOCK]) for start in range(0, len(values), BLOCK)
    ]
    cosines, errors = np.concatenate([np.empty((2, 0)), *blocks], axis=1)
    if not cosines.size:
        return (1.0, 1.0), (0.0, 0.0)
    return (float(cosines.mean()), float(cosines.min())), (float(errors.mean()), float(errors.max()))


def _compared(values: NDArray[Any], meant: NDArray[Any]) -> NDArray[np.float64]:
    """Return cosine and relative error of each vector that is not of zeros only."""
    values, meant = values.astype(np.float64), meant.astype(np.float64)  # squares of float32 overflow
    lengths, meant_lengths = (np.sqrt(np.einsum("ij,ij->i", each, each)) for each in (values, meant))
    there = lengths > 0
    products = np.einsum("ij,ij->i", values, meant)[there]
    scale = (lengths * meant_lengths)[there]
    cosines = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0).clip(-1, 1)
    difference = values - meant
    return np.stack([cosines, np.sqrt(np.einsum("ij,ij->i", difference, difference))[there] / lengths[there]])
