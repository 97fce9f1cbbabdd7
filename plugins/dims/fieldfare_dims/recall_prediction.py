"""Predict on a sample how much recall fewer dims keep, and whether it is enough for a plan."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import evolve

from fieldfare_vectors.datatype import DATATYPES
from fieldfare_vectors.prediction_table import REQUESTED, PredictionTable
from fieldfare_vectors.recall_prediction import BLOCK, Candidate, Prediction, predict
from fieldfare_vectors.values import NUMPY_DTYPES, cast, truncate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare.plan import Claim
    from fieldfare_vectors.sample import Sample
    from fieldfare_vectors.truncation_parameters import TruncationParameters

__all__ = ["claim_recall"]


def claim_recall(parameters: TruncationParameters, sample: Sample, live: LiveIndex) -> Claim | None:
    """Predict the recall that fewer dims keep, and claim the truncation if it is enough.

    Returns:
        None if a larger sample has to decide.
    """
    source, target, vectors = parameters.source, parameters.target, sample.finite_vectors
    table = PredictionTable(parameters.field, parameters.metric, sample, live)
    if not (sample.is_whole or table.is_clear(_predict(parameters, vectors, [target])[target])):
        return None
    found = _predict(parameters, vectors, _choices(source, target))
    choices: list[tuple[int, Prediction | None, str]] = [(source, None, "now")]
    choices += [(dims, each, REQUESTED if dims == target else "") for dims, each in found.items()]
    if parameters.metric != "cosine" and parameters.datatype in DATATYPES:
        other = evolve(parameters, renormalize=not parameters.renormalize)
        (prediction,) = _predict(other, vectors, [target]).values()
        place = 2 + list(found).index(target)
        choices.insert(place, (target, prediction, f"with renormalize: {str(other.renormalize).lower()}"))
    rows = [
        table.row({"dims": dims}, each, note, dims=dims, datatype=parameters.datatype) for dims, each, note in choices
    ]
    fit = [dims for dims, each in found.items() if table.is_enough(each)]
    better = (
        f"choose {min(fit)} dims, which keep {found[min(fit)].recall10:.3f}"
        if fit
        else "keep the dims, since only vectors of models that were trained for it (Matryoshka) can be truncated far"
    )
    return table.claim(f"{target} dims", found[target], table.details(rows), better)


def _choices(source: int, target: int) -> list[int]:
    """Return the dims to try: the requested ones, and three quarters, a half, a quarter and an eighth."""
    shares = (source * 3 // 4, source // 2, source // 4, source // 8)
    return sorted({target, *filter(None, shares)}, reverse=True)


def _predict(
    parameters: TruncationParameters, vectors: NDArray[Any], choices: Iterable[int]
) -> Mapping[int, Prediction]:
    """Truncate a sample to several dims and compare exact nearest neighbours before and after.

    Args:
        parameters: the parameters of the truncation; its target is ignored.
        vectors: rows of ``parameters.source`` values, finite.
        choices: the dims to try.

    Returns:
        What each keeps, in the order of the choices.
    """
    candidates = {dims: partial(_candidate, parameters, vectors, dims) for dims in choices}
    return predict(vectors, parameters.metric, candidates)


def _candidate(parameters: TruncationParameters, vectors: NDArray[Any], dims: int) -> Candidate:
    short = np.empty((len(vectors), dims), NUMPY_DTYPES[parameters.datatype])
    values = np.zeros(vectors.shape, np.float32)
    for start in range(0, len(vectors), BLOCK):
        rows = slice(start, start + BLOCK)
        short[rows] = cast(truncate(vectors[rows], dims, renormalize=parameters.renormalize), parameters.datatype)
        values[rows, :dims] = np.nan_to_num(short[rows].astype(np.float32))
    return Candidate(short, values)
