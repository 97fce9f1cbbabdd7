"""Predict on a sample how much recall a change of vectors keeps."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from attrs import frozen

from fieldfare_vectors.exact_recall import VectorSpace, compute_recall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["BLOCK", "QUERIES", "SEED", "Candidate", "Prediction", "predict"]

QUERIES: Final = 250
"""How many vectors of the sample serve as queries."""

SEED: Final = 7
"""Picks the queries; written into every plan."""

BLOCK: Final = 100
"""How many vectors are changed or compared at once; bounds the memory."""

Choice = TypeVar("Choice")


@frozen(eq=False)
class Candidate:
    """A sample of vectors after a change.

    Attributes:
        vectors: as the index would hold them; one row for each of the sample, of any width.
        values: the values that they stand for; rows as wide as the sample's.
        datatype: the datatype of the index.
    """

    vectors: NDArray[Any]
    values: NDArray[Any]
    datatype: str = "float32"


@frozen
class Prediction:
    """What a change keeps of vectors.

    Attributes:
        recall: depth → share of true nearest neighbours found, 0 to 1; empty where there are too few vectors.
        cosine: mean and least cosine between a vector before and after.
        error: mean and largest distance between a vector before and after, relative to its length before.
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
    candidates: Mapping[Choice, Callable[[], Candidate]],
    *,
    values: NDArray[Any] | None = None,
) -> dict[Choice, Prediction]:
    """Compare the exact nearest neighbours of a sample before and after each of several changes.

    Memory: the sample, and one candidate at a time.

    Args:
        vectors: rows of ``dims`` values, a sample as it is now: finite floats, or codes.
        metric: ``cosine``, ``l2`` or ``ip``.
        candidates: choice → a function that changes the sample.
        values: the values that the sample stands for, where it has codes.
    """
    drawn = Random(SEED).sample(range(len(vectors)), min(QUERIES, len(vectors)))  # noqa: S311 - nothing secret
    queries = np.array(drawn, np.intp)  # numpy.random takes a thirtieth of a plan to import
    before = vectors.astype(np.float32, copy=False) if values is None else values
    errors: dict[Choice, tuple[tuple[float, float], tuple[float, float]]] = {}

    def spaces() -> Iterator[VectorSpace]:
        for choice, make in candidates.items():
            candidate = make()
            errors[choice] = _cosine_and_error(before, candidate.values)
            vectors, datatype = candidate.vectors, candidate.datatype
            del candidate  # its values are as large as the sample
            space = VectorSpace.indexed(vectors, datatype, metric)
            del vectors
            yield space
            del space

    recall = compute_recall(VectorSpace.of(vectors, metric), spaces(), queries)
    return {choice: Prediction(each, *errors[choice]) for choice, each in zip(candidates, recall, strict=True)}


def _cosine_and_error(before: NDArray[Any], after: NDArray[Any]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return mean and least cosine, and mean and largest relative error; vectors of zeros have neither."""
    blocks = [
        _compare(before[start : start + BLOCK], after[start : start + BLOCK]) for start in range(0, len(before), BLOCK)
    ]
    cosines, errors = np.concatenate([np.empty((2, 0)), *blocks], axis=1)
    if not cosines.size:
        return (1.0, 1.0), (0.0, 0.0)
    return (float(cosines.mean()), float(cosines.min())), (float(errors.mean()), float(errors.max()))


def _compare(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.float64]:
    """Return cosine and relative error of each vector that is not of zeros only."""
    before, after = before.astype(np.float64), after.astype(np.float64)  # squares of float32 overflow
    lengths, lengths_after = (np.sqrt(np.einsum("ij,ij->i", each, each)) for each in (before, after))
    nonzero = lengths > 0
    products = np.einsum("ij,ij->i", before, after)[nonzero]
    scale = (lengths * lengths_after)[nonzero]
    cosines = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0).clip(-1, 1)
    difference = before - after
    return np.stack([cosines, np.sqrt(np.einsum("ij,ij->i", difference, difference))[nonzero] / lengths[nonzero]])
