"""What fewer dims would do to the answers of queries, found out on a sample."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldfare_vectors import prediction
from fieldfare_vectors.leading import leading
from fieldfare_vectors.prediction import Candidate
from fieldfare_vectors.values import cast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from fieldfare_dims.truncation import Parameters
    from fieldfare_vectors.prediction import Prediction

__all__ = ["predict"]


def predict(parameters: Parameters, vectors: NDArray[Any], choices: Iterable[int]) -> dict[int, Prediction]:
    """Cut a sample to several dims and compare exact nearest neighbours before and after.

    Args:
        parameters: of the truncation; its target is not looked at.
        vectors: rows of ``parameters.source`` values, finite.
        choices: how many dims to try.

    Returns:
        What each keeps, in the order of the choices.
    """
    candidates = {str(dims): partial(_candidate, parameters, vectors, dims) for dims in choices}
    found = prediction.predict(vectors, parameters.metric, candidates)
    return {int(dims): each for dims, each in found.items()}


def _candidate(parameters: Parameters, vectors: NDArray[Any], dims: int) -> Candidate:
    short = cast(leading(vectors, dims, renormalize=parameters.renormalize), parameters.datatype)
    meaning = np.zeros(vectors.shape, np.float32)
    meaning[:, :dims] = np.nan_to_num(short.astype(np.float32))
    return Candidate(short, meaning)
