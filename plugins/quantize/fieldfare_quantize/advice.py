"""Which datatypes a vector field could have, and what each would cost in recall: a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from fieldfare.definition import Storage
from fieldfare.server.capabilities import VECTOR_DATATYPES, Capabilities, show
from fieldfare_quantize.calibration import calibrate
from fieldfare_vectors.datatype import INTEGERS, width_of
from fieldfare_vectors.table import ASKED, facts, figures, mebibytes
from fieldfare_vectors.verdict import MIN_RECALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldfare_quantize.conversion import Parameters
    from fieldfare_vectors.prediction import Prediction
    from fieldfare_vectors.sample import Sample

__all__ = ["Advice", "advise"]

FLOATS: Final = ("float16", "bfloat16")
CHOICES: Final = (*FLOATS, *INTEGERS)
"""The datatypes that are tried besides the one that is asked for."""


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


def advise(  # noqa: PLR0913 - what advice follows from
    parameters: Parameters,
    sample: Sample,
    server: Capabilities,
    *,
    storage: Storage,
    documents: int,
    min_recall: float = MIN_RECALL,
    before: float = 1.0,
) -> Advice:
    """Predict what each datatype keeps.

    Args:
        parameters: the field, with calibrations; the target is the datatype that is asked for, or the source where
            none is.
        sample: of the field's vectors.
        server: what can be indexed.
        storage: JSON documents cannot have vectors of integers.
        documents: how many documents there are.
        min_recall: the least recall@10 that counts as enough.
        before: what is left of it by earlier changes of the same plan.
    """
    from fieldfare_quantize.prediction import predict  # noqa: PLC0415 - numpy costs start-up time

    source, target, metric = parameters.source, parameters.target, parameters.metric
    choices = CHOICES if storage is Storage.HASH else FLOATS
    names = [each for each in dict.fromkeys((target, *choices)) if each != source]
    sound = sample.sound
    calibrations = {
        name: calibrate(sound, name, metric) if name in INTEGERS and source not in INTEGERS else None for name in names
    }
    if parameters.encoding is not None:
        calibrations[target] = parameters.encoding
    found = predict(sound, metric, calibrations, decoding=parameters.decoding)
    rows: list[dict[str, Any]] = [_row(None, source, parameters.dims, documents, "now")]
    for name, prediction in found.items():
        short = prediction.recall10 is not None and prediction.recall10 * before < min_recall
        notes = [
            ASKED if name == target else "",
            "" if server.indexes(name) else f"needs search {show(VECTOR_DATATYPES[name])}",
            f"below {min_recall:g}" if short else "",
        ]
        rows.append(_row(prediction, name, parameters.dims, documents, ", ".join(filter(None, notes))))
    fit = [
        name
        for name, each in found.items()
        if (each.recall10 or 0) * before >= min_recall and server.indexes(name) and width_of(name) < width_of(source)
    ]
    better = min(fit, key=lambda name: (width_of(name), -(found[name].recall10 or 0)), default=None)
    chosen = parameters.encoding or (parameters.decoding if target not in INTEGERS else None)
    details = {"sample": facts(sample, metric, min_recall), "prediction": rows} | (
        {"calibration": chosen.to_plain()} if chosen else {}
    )
    return Advice(details, found, better)


def _row(prediction: Prediction | None, datatype: str, dims: int, documents: int, note: str) -> dict[str, Any]:
    return {
        "datatype": datatype,
        **figures(prediction),
        "MiB": mebibytes(documents, dims, datatype),
        "note": note,
    }
