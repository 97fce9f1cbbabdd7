"""Predict on a sample how much recall fewer dims keep."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldfare_vectors import recall_prediction
from fieldfare_vectors.recall_prediction import Candidate
from fieldfare_vectors.truncate import truncate
from fieldfare_vectors.values import cast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from fieldfare_dims.parameters import TruncationParameters
    from fieldfare_vectors.recall_prediction import Prediction

__all__ = ["predict"]


def predict(parameters: TruncationParameters, vectors: NDArray[Any], choices: Iterable[int]) -> dict[int, Prediction]:
    """Truncate a sample to several dims and compare exact nearest neighbours before and after.

    Args:
        parameters: of the truncation; its target is ignored.
        vectors: rows of ``parameters.source`` values, finite.
        choices: the dims to try.

    Returns:
        What each keeps, in the order of the choices.
    """
    candidates = {str(dims): partial(_candidate, parameters, vectors, dims) for dims in choices}
    found = recall_prediction.predict(vectors, parameters.metric, candidates)
    return {int(dims): each for dims, each in found.items()}


def _candidate(parameters: TruncationParameters, vectors: NDArray[Any], dims: int) -> Candidate:
    short = cast(truncate(vectors, dims, renormalize=parameters.renormalize), parameters.datatype)
    values = np.zeros(vectors.shape, np.float32)
    values[:, :dims] = np.nan_to_num(short.astype(np.float32))
    return Candidate(short, values)
