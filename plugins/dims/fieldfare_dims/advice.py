"""How many dims a vector field could do with, and what each would cost in recall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fieldfare_vectors import verdict
from fieldfare_vectors.table import facts, figures, mebibytes
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
    found = predict(parameters, sample.sound, choices(parameters.source, parameters.target))
    documents = live.snapshot.stats.num_docs
    rows = [_row(parameters, parameters.source, None, documents, "now")]
    rows += [
        _row(parameters, dims, each, documents, _note(parameters, dims, each, limit)) for dims, each in found.items()
    ]
    recall = found[parameters.target].recall10
    said = (
        f"{parameters.field!r}: {parameters.target} dims would keep {recall or 0:.3f} of the ten nearest neighbours "
        f"(recall@10) under {parameters.metric}, less than the {limit:g} that is wanted; predicted on "
        f"{len(sample.vectors):,} vectors"
    )
    details = {"sample": facts(sample, parameters.metric, limit), "prediction": rows}
    return verdict.judge(recall, live.options, said=said, better=_better(found, limit)), details


def _better(found: Mapping[int, Prediction], limit: float) -> str:
    fit = [dims for dims, each in found.items() if (each.recall10 or 0) >= limit]
    if not fit:
        return "keep the dims, since only vectors of models that were trained for it (Matryoshka) can be cut far"
    return f"choose {min(fit)} dims, which keep {found[min(fit)].recall10:.3f}"


def _note(parameters: Parameters, dims: int, prediction: Prediction, limit: float) -> str:
    short = prediction.recall10 is not None and prediction.recall10 < limit
    notes = ("asked for" if dims == parameters.target else "", f"below {limit:g}" if short else "")
    return ", ".join(filter(None, notes))


def _row(parameters: Parameters, dims: int, prediction: Prediction | None, documents: int, note: str) -> dict[str, Any]:
    return {
        "dims": dims,
        **figures(prediction),
        "MiB": mebibytes(documents, dims, parameters.datatype),
        "note": note,
    }
