"""How many dims a vector field could do with, and what each would cost in recall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from fieldfare_vectors import verdict
from fieldfare_vectors.datatype import DATATYPES
from fieldfare_vectors.table import ASKED, facts, figures, mebibytes
from fieldfare_vectors.verdict import min_recall_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldfare.live import LiveIndex
    from fieldfare_dims.truncation import Parameters
    from fieldfare_vectors.prediction import Prediction
    from fieldfare_vectors.sample import Sample
    from fieldfare_vectors.verdict import Verdict

__all__ = ["choices", "judge"]


def choices(source: int, target: int) -> tuple[int, ...]:
    """Return the dims that are tried: what is asked for, and three quarters, a half, a quarter and an eighth."""
    shares = (source * 3 // 4, source // 2, source // 4, source // 8)
    return tuple(sorted({target, *(each for each in shares if each)}, reverse=True))


def judge(parameters: Parameters, sample: Sample, live: LiveIndex) -> tuple[Verdict, Mapping[str, Any]]:
    """Predict the recall that fewer dims keep and compare it with what the user wants kept.

    Returns:
        The verdict, and the figures as a claim carries them.
    """
    from fieldfare_dims.prediction import predict  # noqa: PLC0415 - numpy costs start-up time

    limit = min_recall_of(live.options)
    target = parameters.target
    found = predict(parameters, sample.sound, choices(parameters.source, target))
    told: list[tuple[int, Prediction | None, str]] = [(parameters.source, None, "now")]
    told += [(dims, each, ASKED if dims == target else "") for dims, each in found.items()]
    if parameters.metric != "cosine" and parameters.datatype in DATATYPES:
        other = evolve(parameters, renormalize=not parameters.renormalize)
        (way,) = predict(other, sample.sound, [target]).values()
        place = 2 + list(found).index(target)
        told.insert(place, (target, way, f"with renormalize: {str(other.renormalize).lower()}"))
    documents = live.snapshot.stats.num_docs
    rows = [_row(dims, each, mebibytes(documents, dims, parameters.datatype), note, limit) for dims, each, note in told]
    recall = found[target].recall10
    said = (
        f"{parameters.field!r}: {target} dims would keep {recall or 0:.3f} of the ten nearest neighbours (recall@10) "
        f"under {parameters.metric}, less than the {limit:g} that is wanted; predicted on {len(sample.vectors):,} "
        "vectors"
    )
    details = {"sample": facts(sample, parameters.metric, limit), "prediction": rows}
    return verdict.judge(recall, live.options, said=said, better=_better(found, limit)), details


def _better(found: Mapping[int, Prediction], limit: float) -> str:
    fit = [dims for dims, each in found.items() if (each.recall10 or 0) >= limit]
    if not fit:
        return "keep the dims, since only vectors of models that were trained for it (Matryoshka) can be cut far"
    return f"choose {min(fit)} dims, which keep {found[min(fit)].recall10:.3f}"


def _row(dims: int, prediction: Prediction | None, size: float, note: str, limit: float) -> dict[str, Any]:
    is_short = prediction is not None and prediction.recall10 is not None and prediction.recall10 < limit
    notes = ", ".join(filter(None, (note, f"below {limit:g}" if is_short else "")))
    return {"dims": dims, **figures(prediction), "MiB": size, "note": notes}
