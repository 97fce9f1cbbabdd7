"""What a change of datatype would do to the answers of queries, found out on a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import frozen

from fieldfare_quantize.codec import cast
from fieldfare_quantize.datatype import INTEGERS
from fieldfare_quantize.integer import decode, encode, flip
from fieldfare_quantize.recall import Space, recalls

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fieldfare_quantize.calibration import Calibration

__all__ = ["QUESTIONS", "SEED", "Prediction", "predict"]

QUESTIONS: Final = 500
"""How many vectors of the sample are looked for among all of it."""

SEED: Final = 7
"""Picks the questions; written into every plan."""


@frozen
class Prediction:
    """What is left of vectors in one datatype.

    Attributes:
        datatype: its name.
        recall: depth → share of true nearest neighbours found, 0 to 1; empty where there are too few vectors.
        cosine: mean and least cosine of a vector with what becomes of it.
        error: mean and largest distance of a vector from what it stands for then, relative to its length.
    """

    datatype: str
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
    datatypes: Mapping[str, Calibration | None],
    *,
    decoding: Calibration | None = None,
    seed: int = SEED,
) -> tuple[Prediction, ...]:
    """Convert a sample to each datatype and compare exact nearest neighbours before and after.

    Args:
        vectors: rows of ``dims`` values, a sample as it is now: finite floats, or codes.
        metric: ``cosine``, ``l2`` or ``ip``.
        datatypes: what to try; integers with a calibration, unless the sample has codes too.
        decoding: what the sample's codes stand for, if it has codes.
        seed: of the choice of questions.
    """
    values = vectors.astype(np.float32)
    questions = np.random.default_rng(seed).permutation(len(values))[:QUESTIONS]
    converted = {name: _converted(vectors, name, decoding, calibration) for name, calibration in datatypes.items()}
    meant = values if decoding is None else decode(vectors, decoding)
    found = recalls(Space.of(values, metric), [Space.of(each, metric) for each in converted.values()], questions)
    return tuple(
        _prediction(
            name, recall, meant, meant if _flips(name, decoding) else _meaning(converted[name], calibration, meant)
        )
        for (name, calibration), recall in zip(datatypes.items(), found, strict=True)
    )


def _converted(
    vectors: NDArray[Any], target: str, decoding: Calibration | None, encoding: Calibration | None
) -> NDArray[Any]:
    if encoding is not None:
        return encode(vectors, target, encoding).codes
    if decoding is None:
        return cast(vectors, target)
    return flip(vectors) if _flips(target, decoding) else cast(decode(vectors, decoding), target)


def _flips(target: str, decoding: Calibration | None) -> bool:
    return decoding is not None and target in INTEGERS


def _meaning(
    converted: NDArray[Any], calibration: Calibration | None, values: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the values that converted vectors stand for; those that have lost their length get it back."""
    if calibration is None:
        return np.nan_to_num(converted.astype(np.float32))
    meant = decode(converted, calibration)
    if calibration.scale is None:
        meant *= np.sqrt(np.einsum("ij,ij->i", values, values))[:, np.newaxis]
    return meant


def _prediction(name: str, recall: Mapping[int, float], values: NDArray[Any], meant: NDArray[Any]) -> Prediction:
    values, meant = values.astype(np.float64), meant.astype(np.float64)  # squares of float32 overflow
    lengths, meant_lengths = (np.sqrt(np.einsum("ij,ij->i", each, each)) for each in (values, meant))
    there = lengths > 0
    if not there.any():
        return Prediction(name, recall, (1.0, 1.0), (0.0, 0.0))
    products = np.einsum("ij,ij->i", values, meant)[there]
    scale = (lengths * meant_lengths)[there]
    cosines = np.divide(products, scale, out=np.zeros_like(products), where=scale > 0).clip(-1, 1)
    difference = values - meant
    errors = np.sqrt(np.einsum("ij,ij->i", difference, difference))[there] / lengths[there]
    return Prediction(
        name, recall, (float(cosines.mean()), float(cosines.min())), (float(errors.mean()), float(errors.max()))
    )
