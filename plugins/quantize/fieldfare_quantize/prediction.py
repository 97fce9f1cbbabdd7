"""What a change of datatype would do to the answers of queries, found out on a sample."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldfare_quantize.integer import decode, encode, flip
from fieldfare_vectors import prediction
from fieldfare_vectors.datatype import INTEGERS
from fieldfare_vectors.prediction import SEED, Candidate
from fieldfare_vectors.values import cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fieldfare_quantize.calibration import Calibration
    from fieldfare_vectors.prediction import Prediction

__all__ = ["predict"]


def predict(
    vectors: NDArray[Any],
    metric: str,
    datatypes: Mapping[str, Calibration | None],
    *,
    decoding: Calibration | None = None,
    seed: int = SEED,
) -> dict[str, Prediction]:
    """Convert a sample to each datatype and compare exact nearest neighbours before and after.

    Args:
        vectors: rows of ``dims`` values, a sample as it is now: finite floats, or codes.
        metric: ``cosine``, ``l2`` or ``ip``.
        datatypes: what to try; integers with a calibration, unless the sample has codes too.
        decoding: what the sample's codes stand for, if it has codes.
        seed: of the choice of questions.

    Returns:
        What each datatype keeps, by its name.
    """
    meant = vectors.astype(np.float32, copy=False) if decoding is None else decode(vectors, decoding)
    candidates = {name: partial(_candidate, vectors, name, meant, decoding, each) for name, each in datatypes.items()}
    return prediction.predict(vectors, metric, candidates, meaning=meant, seed=seed)


def _candidate(
    vectors: NDArray[Any],
    target: str,
    meant: NDArray[np.float32],
    decoding: Calibration | None,
    encoding: Calibration | None,
) -> Candidate:
    if encoding is not None:
        codes = encode(vectors, target, encoding).codes
        return Candidate(codes, _meaning(codes, encoding, meant), target)
    if decoding is not None and target in INTEGERS:
        return Candidate(flip(vectors), meant, target)
    floats = cast(vectors if decoding is None else meant, target)
    return Candidate(floats, floats.astype(np.float32), target)


def _meaning(codes: NDArray[Any], calibration: Calibration, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values that codes stand for; vectors that have lost their length get it back."""
    meant = decode(codes, calibration)
    if calibration.scale is None:
        meant *= np.sqrt(np.einsum("ij,ij->i", values, values))[:, np.newaxis]
    return meant
