"""Which datatypes a vector field could have, and what each would cost in recall: a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from fieldfare.server.capabilities import VECTOR_DATATYPES, Capabilities, show
from fieldfare_quantize.calibration import calibrate
from fieldfare_quantize.datatype import INTEGERS, width_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldfare_quantize.conversion import Parameters
    from fieldfare_quantize.prediction import Prediction
    from fieldfare_quantize.sample import Sample

__all__ = ["MIN_RECALL", "Advice", "advise"]

MIN_RECALL: Final = 0.95
"""The least recall@10 that a conversion must keep if the user does not say."""

CHOICES: Final = ("float16", "bfloat16", "int8", "uint8")
"""The datatypes that are tried besides the one that is asked for."""

DIGITS: Final = 4
TITLES: Final = ("recall@10", "recall@100", "mean cosine", "worst cosine", "mean error", "worst error")


@frozen(eq=False)
class Advice:
    """What was found out on a sample.

    Attributes:
        details: sample and figures, as a claim carries them.
        predictions: datatype → what it keeps.
        better: the datatype that saves most memory, keeps enough, and can be indexed; None if there is none.
    """

    details: Mapping[str, Any]
    predictions: Mapping[str, Prediction]
    better: str | None


def advise(
    parameters: Parameters,
    sample: Sample,
    server: Capabilities,
    *,
    documents: int,
    min_recall: float = MIN_RECALL,
) -> Advice:
    """Predict what each datatype keeps.

    Args:
        parameters: the field, with calibrations; the target is the datatype that is asked for, or the source where
            none is.
        sample: of the field's vectors.
        server: what can be indexed.
        documents: how many documents there are.
        min_recall: the least recall@10 that counts as enough.
    """
    from fieldfare_quantize.prediction import QUESTIONS, SEED, predict  # noqa: PLC0415 - numpy costs start-up time

    source, target, metric = parameters.source, parameters.target, parameters.metric
    names = [each for each in dict.fromkeys((target, *CHOICES)) if each != source]
    sound = sample.sound
    calibrations = {
        name: calibrate(sound, name, metric) if name in INTEGERS and source not in INTEGERS else None for name in names
    }
    if parameters.encoding is not None:
        calibrations[target] = parameters.encoding
    predicted = predict(sound, metric, calibrations, decoding=parameters.decoding)
    found = {each.datatype: each for each in predicted}
    rows: list[dict[str, Any]] = [_row(None, source, parameters.dims, documents, "now")]
    for name, prediction in found.items():
        short = prediction.recall10 is not None and prediction.recall10 < min_recall
        notes = [
            "asked for" if name == target else "",
            "" if server.indexes(name) else f"needs search {show(VECTOR_DATATYPES[name])}",
            f"below {min_recall:g}" if short else "",
        ]
        rows.append(_row(prediction, name, parameters.dims, documents, ", ".join(filter(None, notes))))
    facts = {
        "documents": sample.documents,
        "vectors": len(sound),
        "questions": min(QUESTIONS, len(sound)),
        "seed": SEED,
        "metric": metric,
        "min_recall": min_recall,
    }
    fit = [
        each
        for each in found.values()
        if (each.recall10 or 0) >= min_recall
        and server.indexes(each.datatype)
        and width_of(each.datatype) < width_of(source)
    ]
    better = min(fit, key=lambda each: (width_of(each.datatype), -(each.recall10 or 0)), default=None)
    chosen = parameters.encoding or (parameters.decoding if target not in INTEGERS else None)
    details = {"sample": facts, "prediction": rows} | ({"calibration": chosen.to_plain()} if chosen else {})
    return Advice(details, found, better.datatype if better else None)


def _row(prediction: Prediction | None, datatype: str, dims: int, documents: int, note: str) -> dict[str, Any]:
    size = round(width_of(datatype) * dims * documents / 2**20, 2)
    figures: dict[str, float | None] = dict.fromkeys(TITLES)
    if prediction is not None:
        recall = (prediction.recall.get(10), prediction.recall.get(100))
        shown = (*recall, *prediction.cosine, *prediction.error)
        figures = {
            title: None if each is None else round(each, DIGITS) for title, each in zip(TITLES, shown, strict=True)
        }
    return {"datatype": datatype, **figures, "MiB": size, "note": note}
