"""The step ``quantize.convert``: its plan, and what it does to a batch of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, frozen

from fieldfare.plan import Step
from fieldfare_quantize.calibration import Calibration
from fieldfare_quantize.overflow_messages import overflow_messages, subnormal_message, underflow_message
from fieldfare_vectors.datatype import DATATYPES, INTEGERS, is_lossless, width_of
from fieldfare_vectors.sample_warnings import NO_COSINE, ZEROS

if TYPE_CHECKING:
    from fieldfare.definition import Field
    from fieldfare.documents import Batch

__all__ = ["CONVERT", "OVERFLOW", "ConversionParameters", "convert_batch", "plan_conversion"]

CONVERT: Final = "quantize.convert"
"""The kind of the steps that convert vectors."""

OVERFLOW: Final = "overflow"
"""Allows values that become, or are, no finite number (``--allow-overflow``)."""

CALIBRATIONS: Final = ("decoding", "encoding")


@frozen
class ConversionParameters:
    """The ``params`` of the step.

    Attributes:
        field: the name of the field in queries.
        path: the hash field that holds the vector.
        source: datatype before.
        target: datatype after.
        dims: values of one vector.
        metric: how the index compares vectors: ``cosine``, ``l2`` or ``ip``.
        decoding: what the integer codes of the source stand for.
        encoding: what the integer codes of the target stand for.
    """

    field: str
    path: str
    source: str
    target: str
    dims: int
    metric: str = "l2"
    decoding: Calibration | None = None
    encoding: Calibration | None = None

    @classmethod
    def for_field(cls, field: Field) -> ConversionParameters:
        """Return the parameters of a field as it is: source and target are its datatype."""
        datatype = str(field.attrs["datatype"]).lower()
        metric = str(field.attrs.get("distance_metric", "l2")).lower()
        return cls(field.name, field.path, datatype, datatype, int(field.attrs["dims"]), metric)

    @classmethod
    def of(cls, step: Step) -> ConversionParameters:
        """Read the parameters of a step."""
        calibrations = {key: Calibration.of(step.params[key]) for key in CALIBRATIONS if key in step.params}
        return cls(**{**step.params, **calibrations})

    def to_plain(self) -> dict[str, Any]:
        """Return the parameters as a plan has them."""
        plain = asdict(self, recurse=False)
        given = {key: plain.pop(key) for key in CALIBRATIONS}
        return plain | {key: each.to_plain() for key, each in given.items() if each is not None}

    @property
    def keeps_values(self) -> bool:
        """Whether every vector can be computed from its converted form."""
        if self.source in INTEGERS:
            return self.target in {*INTEGERS, "float32", "float64"}
        return self.target not in INTEGERS and is_lossless(DATATYPES[self.source], DATATYPES[self.target])


def plan_conversion(parameters: ConversionParameters) -> Step:
    """Build the step that converts a vector field in every document."""
    return Step.rewrite(
        CONVERT,
        [parameters.path],
        params=parameters.to_plain(),
        lossy=not parameters.keeps_values,
        summary=(
            f"Convert {parameters.field!r} from {parameters.source} to {parameters.target} ({parameters.dims} dims)"
        ),
    )


def convert_batch(parameters: ConversionParameters, batch: Batch) -> Batch:
    """Convert the vectors of a batch, and note the documents that need attention.

    Args:
        parameters: of the step.
        batch: documents with the column ``parameters.path``.

    Returns:
        The batch with that column converted. Vectors of a wrong length keep their bytes. Vectors with
        NaN, infinity or a value beyond the target's range are converted and noted as blocking; so are those that
        become all zeros under cosine.
    """
    from fieldfare_quantize.codec import convert  # noqa: PLC0415 - numpy costs start-up time

    path, source, target = parameters.path, parameters.source, parameters.target
    done = convert(
        batch[path],
        source,
        target,
        parameters.dims,
        decoding=parameters.decoding,
        encoding=parameters.encoding,
    )
    length = width_of(source) * parameters.dims
    is_cosine = parameters.metric == "cosine"
    batch = batch.replace(path, done.column)
    for kind, rows, detail in zip(
        ("NaN", "infinity", "overflow", "underflow"),
        (done.nan, done.infinite, done.overflow, done.underflow if is_cosine else ()),
        (*overflow_messages(target), f"{underflow_message(target)} and {NO_COSINE}"),
        strict=True,
    ):
        batch = batch.note(kind, path, rows, blocking=True, allow=OVERFLOW, detail=detail)
    for kind, rows, detail in (
        (ZEROS, done.zero if is_cosine else (), f"a vector of zeros {NO_COSINE}"),
        (
            "clipped",
            done.clipped,
            f"a value lies a little beyond the largest or the least {target} code, and becomes that code",
        ),
        ("subnormal", done.subnormal, subnormal_message(target)),
        ("underflow", () if is_cosine else done.underflow, underflow_message(target)),
        (
            "wrong length",
            done.wrong_length,
            f"not the {length} bytes of a {source} vector: its bytes are kept, and Redis will not index it",
        ),
        ("converted already", done.already_converted, f"looks converted already, to {target}: its bytes are kept"),
    ):
        batch = batch.note(kind, path, rows, detail=detail)
    return batch
