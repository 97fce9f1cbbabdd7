"""The step ``quantize.convert``: what a plan says of it, and what it does to a batch of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, frozen

from fieldfare.plan import Step
from fieldfare_quantize.calibration import Calibration
from fieldfare_quantize.fate import faint, fates, vanished
from fieldfare_vectors.datatype import DATATYPES, INTEGERS, is_lossless, width_of
from fieldfare_vectors.hygiene import NO_COSINE, ZEROS

if TYPE_CHECKING:
    from fieldfare.definition import Field
    from fieldfare.documents import Batch

__all__ = ["KIND", "OVERFLOW", "Parameters", "convert_batch", "plan_conversion"]

KIND: Final = "quantize.convert"

OVERFLOW: Final = "overflow"
"""The name under which values that become, or are, no finite number may be allowed."""

CALIBRATIONS: Final = ("decoding", "encoding")


@frozen
class Parameters:
    """What a step of this kind has in ``params``.

    Attributes:
        field: what queries call the field.
        path: the hash field that holds the vector.
        source: datatype before.
        target: datatype after.
        dims: values of one vector.
        metric: how the index compares vectors: ``cosine``, ``l2`` or ``ip``.
        decoding: what integer codes stand for, on the way to floats.
        encoding: what integer codes shall stand for, on the way from floats.
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
    def unchanged(cls, field: Field) -> Parameters:
        """Return those of a field that keeps its datatype."""
        datatype = str(field.attrs["datatype"]).lower()
        metric = str(field.attrs.get("distance_metric", "l2")).lower()
        return cls(field.name, field.path, datatype, datatype, int(field.attrs["dims"]), metric)

    @classmethod
    def of(cls, step: Step) -> Parameters:
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
        """Whether every vector can be computed back from what becomes of it."""
        if self.source in INTEGERS:
            return self.target in {*INTEGERS, "float32", "float64"}
        return self.target not in INTEGERS and is_lossless(DATATYPES[self.source], DATATYPES[self.target])


def plan_conversion(parameters: Parameters) -> Step:
    """Build the step that converts a vector field in every document."""
    return Step.rewrite(
        KIND,
        [parameters.path],
        params=parameters.to_plain(),
        lossy=not parameters.keeps_values,
        summary=(
            f"Convert {parameters.field!r} from {parameters.source} to {parameters.target} ({parameters.dims} dims)"
        ),
    )


def convert_batch(parameters: Parameters, batch: Batch) -> Batch:
    """Convert the vectors of a batch, and note the documents that deserve a word.

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
        (*fates(parameters.target), f"{vanished(target)} and {NO_COSINE}"),
        strict=True,
    ):
        batch = batch.note(kind, path, rows, blocking=True, allow=OVERFLOW, detail=detail)
    for kind, rows, detail in (
        (ZEROS, done.zero if is_cosine else (), f"a vector of zeros {NO_COSINE}"),
        ("clipped", done.clipped, f"a value lies a little beyond what {target} reaches here, and is cut off there"),
        ("subnormal", done.subnormal, faint(target)),
        ("underflow", () if is_cosine else done.underflow, vanished(target)),
        (
            "wrong length",
            done.wrong_length,
            f"not the {length} bytes of a {source} vector: its bytes are kept, and Redis will not index it",
        ),
        ("converted already", done.converted_already, f"looks converted already, to {target}: its bytes are kept"),
    ):
        batch = batch.note(kind, path, rows, detail=detail)
    return batch
