"""Whether fewer dims keep enough recall to be planned, and how much recall other dims keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from fieldfare_vectors.datatype import DATATYPES
from fieldfare_vectors.prediction_table import REQUESTED, build_row, sample_facts
from fieldfare_vectors.recall_limit import check_predicted_recall, min_recall_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare_dims.parameters import TruncationParameters
    from fieldfare_vectors.recall_limit import RecallVerdict
    from fieldfare_vectors.recall_prediction import Prediction
    from fieldfare_vectors.sample import Sample

__all__ = ["check_recall"]


def check_recall(
    parameters: TruncationParameters, sample: Sample, live: LiveIndex
) -> tuple[RecallVerdict, Mapping[str, Any]]:
    """Predict the recall that fewer dims keep and compare it with the required one.

    Returns:
        The verdict, and the figures as the details of a claim.
    """
    from fieldfare_dims.recall_prediction import predict  # noqa: PLC0415 - numpy costs start-up time

    min_recall, target, vectors = min_recall_of(live.options), parameters.target, sample.finite_vectors
    found = predict(parameters, vectors, _choices(parameters.source, target))
    choices: list[tuple[int, Prediction | None, str]] = [(parameters.source, None, "now")]
    choices += [(dims, each, REQUESTED if dims == target else "") for dims, each in found.items()]
    if parameters.metric != "cosine" and parameters.datatype in DATATYPES:
        other = evolve(parameters, renormalize=not parameters.renormalize)
        (prediction,) = predict(other, vectors, [target]).values()
        place = 2 + list(found).index(target)
        choices.insert(place, (target, prediction, f"with renormalize: {str(other.renormalize).lower()}"))
    rows = [
        build_row(
            {"dims": dims},
            each,
            documents=live.snapshot.stats.num_docs,
            dims=dims,
            datatype=parameters.datatype,
            notes=(note, f"below {min_recall:g}" if each is not None and _is_below(each, min_recall) else ""),
        )
        for dims, each, note in choices
    ]
    recall = found[target].recall10
    complaint = (
        f"{parameters.field!r}: {target} dims would keep {recall or 0:.3f} of the ten nearest neighbours (recall@10) "
        f"under {parameters.metric}, less than the required {min_recall:g}; predicted on {len(sample.vectors):,} "
        "vectors"
    )
    details = {"sample": sample_facts(sample, parameters.metric, min_recall), "prediction": rows}
    better = _suggest_dims(found, min_recall)
    return check_predicted_recall(recall, live.options, complaint=complaint, better=better), details


def _choices(source: int, target: int) -> tuple[int, ...]:
    """Return the dims to try: the requested ones, and three quarters, a half, a quarter and an eighth."""
    shares = (source * 3 // 4, source // 2, source // 4, source // 8)
    return tuple(sorted({target, *(each for each in shares if each)}, reverse=True))


def _is_below(prediction: Prediction, min_recall: float) -> bool:
    return prediction.recall10 is not None and prediction.recall10 < min_recall


def _suggest_dims(found: Mapping[int, Prediction], min_recall: float) -> str:
    fit = [dims for dims, each in found.items() if (each.recall10 or 0) >= min_recall]
    if not fit:
        return "keep the dims, since only vectors of models that were trained for it (Matryoshka) can be truncated far"
    return f"choose {min(fit)} dims, which keep {found[min(fit)].recall10:.3f}"
