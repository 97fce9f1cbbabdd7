"""How much recall and memory each datatype costs for a vector field: ``fieldfare advise``, and the table in plans."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from fieldfare.definition import Storage
from fieldfare.server.capabilities import VECTOR_DATATYPES, Capabilities, format_version
from fieldfare_vectors.datatype import INTEGERS, width_of
from fieldfare_vectors.prediction_table import REQUESTED, build_row, sample_facts
from fieldfare_vectors.recall_limit import MIN_RECALL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldfare_quantize.conversion import ConversionParameters
    from fieldfare_vectors.recall_prediction import Prediction
    from fieldfare_vectors.sample import Sample

__all__ = ["Advice", "advise"]

FLOATS: Final = ("float16", "bfloat16")
CHOICES: Final = (*FLOATS, *INTEGERS)
"""The datatypes that are tried besides the requested one."""


@frozen(eq=False)
class Advice:
    """What the sample says about each datatype.

    Attributes:
        details: sample and figures, as the details of a claim.
        predictions: datatype → what it keeps.
        better: the datatype that saves most memory, keeps enough, and can be indexed; None if there is none.
    """

    details: Mapping[str, Any]
    predictions: Mapping[str, Prediction]
    better: str | None


def advise(  # noqa: PLR0913 - what advice follows from
    parameters: ConversionParameters,
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
        parameters: the field, with calibrations; the target is the requested datatype, or the source where none is
            requested.
        sample: of the field's vectors.
        server: which datatypes it can index.
        storage: JSON documents cannot have vectors of integers.
        documents: how many documents there are.
        min_recall: the least recall@10 that counts as enough.
        before: the recall that previous changes of the same plan leave.
    """
    from fieldfare_quantize.calibrate import calibrate  # noqa: PLC0415 - numpy costs start-up time
    from fieldfare_quantize.recall_prediction import predict  # noqa: PLC0415 - numpy costs start-up time

    source, target, metric = parameters.source, parameters.target, parameters.metric
    choices = CHOICES if storage is Storage.HASH else FLOATS
    names = [each for each in dict.fromkeys((target, *choices)) if each != source]
    vectors = sample.finite_vectors
    calibrations = {
        name: calibrate(vectors, name, metric) if name in INTEGERS and source not in INTEGERS else None
        for name in names
    }
    if parameters.encoding is not None:
        calibrations[target] = parameters.encoding
    found = predict(vectors, metric, calibrations, decoding=parameters.decoding)

    def row(name: str, prediction: Prediction | None, *notes: str) -> dict[str, Any]:
        choice = {"datatype": name}
        return build_row(choice, prediction, documents=documents, dims=parameters.dims, datatype=name, notes=notes)

    rows = [row(source, None, "now")]
    for name, prediction in found.items():
        is_below = prediction.recall10 is not None and prediction.recall10 * before < min_recall
        requested = REQUESTED if name == target else ""
        needed = "" if server.indexes(name) else f"needs search {format_version(VECTOR_DATATYPES[name])}"
        rows.append(row(name, prediction, requested, needed, f"below {min_recall:g}" if is_below else ""))
    fit = [
        name
        for name, each in found.items()
        if (each.recall10 or 0) * before >= min_recall and server.indexes(name) and width_of(name) < width_of(source)
    ]
    better = min(fit, key=lambda name: (width_of(name), -(found[name].recall10 or 0)), default=None)
    calibration = parameters.encoding or (parameters.decoding if target not in INTEGERS else None)
    details = {"sample": sample_facts(sample, metric, min_recall), "prediction": rows} | (
        {"calibration": calibration.to_plain()} if calibration else {}
    )
    return Advice(details, found, better)
