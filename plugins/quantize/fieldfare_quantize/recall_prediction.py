"""Predict on a sample how much recall each datatype keeps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldfare_quantize.integer_codec import decode, encode, flip
from fieldfare_vectors import recall_prediction
from fieldfare_vectors.datatype import INTEGERS
from fieldfare_vectors.recall_prediction import Candidate
from fieldfare_vectors.values import cast

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fieldfare_quantize.calibration import Calibration
    from fieldfare_vectors.recall_prediction import Prediction

__all__ = ["predict"]


def predict(
    vectors: NDArray[Any],
    metric: str,
    datatypes: Mapping[str, Calibration | None],
    *,
    decoding: Calibration | None = None,
) -> dict[str, Prediction]:
    """Convert a sample to each datatype and compare exact nearest neighbours before and after.

    Args:
        vectors: rows of ``dims`` values, a sample as it is now: finite floats, or codes.
        metric: ``cosine``, ``l2`` or ``ip``.
        datatypes: the datatypes to try; integers with a calibration, unless the sample has codes too.
        decoding: what the sample's codes stand for, if it has codes.

    Returns:
        What each datatype keeps, by its name.
    """
    values = vectors.astype(np.float32, copy=False) if decoding is None else decode(vectors, decoding)
    candidates = {name: partial(_candidate, vectors, name, values, decoding, each) for name, each in datatypes.items()}
    return recall_prediction.predict(vectors, metric, candidates, values=values)


def _candidate(
    vectors: NDArray[Any],
    target: str,
    values: NDArray[np.float32],
    decoding: Calibration | None,
    encoding: Calibration | None,
) -> Candidate:
    if encoding is not None:
        codes = encode(vectors, target, encoding).codes
        return Candidate(codes, _decode(codes, encoding, values), target)
    if decoding is not None and target in INTEGERS:
        return Candidate(flip(vectors), values, target)
    floats = cast(vectors if decoding is None else values, target)
    return Candidate(floats, floats, target)


def _decode(codes: NDArray[Any], calibration: Calibration, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values that codes stand for; where each vector has its own scale, with the lengths of ``values``."""
    decoded = decode(codes, calibration)
    if calibration.scale is None:
        decoded *= np.sqrt(np.einsum("ij,ij->i", values, values))[:, np.newaxis]
    return decoded
