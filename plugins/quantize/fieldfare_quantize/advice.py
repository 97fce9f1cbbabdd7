"""How much recall and memory each datatype costs for a vector field: ``fieldfare advise``, and the table in plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from fieldfare.definition import Storage
from fieldfare.server.capabilities import VECTOR_DATATYPES, format_version
from fieldfare_vectors.datatype import INTEGERS, width_of
from fieldfare_vectors.prediction_table import REQUESTED, PredictionTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fieldfare.hooks.live_index import LiveIndex
    from fieldfare.plan import Claim
    from fieldfare_quantize.conversion import ConversionParameters
    from fieldfare_vectors.recall_prediction import Prediction
    from fieldfare_vectors.sample import Sample

__all__ = ["Advice", "advise", "claim_recall"]

FLOATS: Final = ("float16", "bfloat16")
CHOICES: Final = (*FLOATS, *INTEGERS)
"""The datatypes that are tried besides the requested one."""


@frozen(eq=False)
class Advice:
    """What the sample says about each datatype.

    Attributes:
        table: the table of the predictions.
        details: sample and figures, as the details of a claim.
        predictions: datatype → what it keeps.
        better: the datatype that saves most memory, keeps enough, and can be indexed; None if there is none.
    """

    table: PredictionTable
    details: Mapping[str, Any]
    predictions: Mapping[str, Prediction]
    better: str | None


def advise(
    parameters: ConversionParameters, sample: Sample, live: LiveIndex, *, others: Sequence[str] = CHOICES
) -> Advice:
    """Predict what datatypes keep.

    Args:
        parameters: the field, with calibrations; the target is the requested datatype, or the source where none is
            requested.
        sample: the sample of the field's vectors.
        live: the index. Its JSON documents cannot have vectors of integers.
        others: the datatypes to try besides the requested one.
    """
    from fieldfare_quantize.calibrate import calibrate  # noqa: PLC0415 - numpy costs start-up time
    from fieldfare_quantize.recall_prediction import predict  # noqa: PLC0415 - numpy costs start-up time

    source, target, metric, vectors = parameters.source, parameters.target, parameters.metric, sample.finite_vectors
    choices = [name for name in others if live.definition.storage is Storage.HASH or name in FLOATS]
    calibrations = {
        name: calibrate(vectors, name, metric) if name in INTEGERS and source not in INTEGERS else None
        for name in dict.fromkeys((target, *choices))
        if name != source
    }
    if parameters.encoding is not None:
        calibrations[target] = parameters.encoding
    found = predict(vectors, metric, calibrations, decoding=parameters.decoding)
    table = PredictionTable(parameters.field, metric, sample, live)

    def row(name: str, prediction: Prediction | None, *notes: str) -> dict[str, Any]:
        return table.row({"datatype": name}, prediction, *notes, dims=parameters.dims, datatype=name)

    rows = [row(source, None, "now")]
    for name, prediction in found.items():
        requested = REQUESTED if name == target else ""
        needed = "" if live.server.indexes(name) else f"needs search {format_version(VECTOR_DATATYPES[name])}"
        rows.append(row(name, prediction, requested, needed))
    fit = [
        name
        for name, each in found.items()
        if table.is_enough(each) and live.server.indexes(name) and width_of(name) < width_of(source)
    ]
    better = min(fit, key=lambda name: (width_of(name), -(found[name].recall10 or 0)), default=None)
    calibration = parameters.encoding or (parameters.decoding if target not in INTEGERS else None)
    details = table.details(rows) | ({"calibration": calibration.to_plain()} if calibration else {})
    return Advice(table, details, found, better)


def claim_recall(parameters: ConversionParameters, sample: Sample, live: LiveIndex) -> Claim | None:
    """Predict the recall that a conversion keeps, and claim the conversion if it is enough.

    Other datatypes are tried only where it is not, or where the server cannot index this one.

    Returns:
        None if a larger sample has to decide.
    """
    target, better = parameters.target, "keep the datatype"
    advice = advise(parameters, sample, live, others=())
    if not advice.table.is_clear(advice.predictions[target]):
        return None
    if not (live.server.indexes(target) and advice.table.is_enough(advice.predictions[target])):
        advice = advise(parameters, sample, live)
    if advice.better is not None:
        better = f"choose {advice.better}, which keeps {advice.predictions[advice.better].recall10:.3f}"
    return advice.table.claim(target, advice.predictions[target], advice.details, better)
