"""The step ``quantize.convert``: what a plan says of it, and what it does to a batch of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from fieldfare.plan import Step
from fieldfare_quantize.datatype import DATATYPES, Datatype, is_lossless

if TYPE_CHECKING:
    from fieldfare.definition import Field
    from fieldfare.documents import Batch

__all__ = ["KIND", "Parameters", "convert_batch", "plan_conversion"]

KIND: Final = "quantize.convert"

OVERFLOW: Final = "overflow"
"""The name under which values that become, or are, no finite number may be allowed."""


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
    """

    field: str
    path: str
    source: str
    target: str
    dims: int
    metric: str = "l2"

    @classmethod
    def unchanged(cls, field: Field) -> Parameters:
        """Return those of a field that keeps its datatype."""
        datatype = str(field.attrs["datatype"]).lower()
        metric = str(field.attrs.get("distance_metric", "l2")).lower()
        return cls(field.name, field.path, datatype, datatype, int(field.attrs["dims"]), metric)

    @classmethod
    def of(cls, step: Step) -> Parameters:
        """Read the parameters of a step."""
        return cls(**step.params)

    @property
    def before(self) -> Datatype:
        """The datatype before."""
        return DATATYPES[self.source]

    @property
    def after(self) -> Datatype:
        """The datatype after."""
        return DATATYPES[self.target]


def plan_conversion(parameters: Parameters) -> Step:
    """Build the step that converts a vector field in every document."""
    return Step.rewrite(
        KIND,
        [parameters.path],
        params={
            "field": parameters.field,
            "path": parameters.path,
            "source": parameters.source,
            "target": parameters.target,
            "dims": parameters.dims,
            "metric": parameters.metric,
        },
        lossy=not is_lossless(parameters.before, parameters.after),
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
        NaN, infinity or a value beyond the target's range are converted and noted as blocking.
    """
    from fieldfare_quantize.codec import convert  # noqa: PLC0415 - numpy costs start-up time

    path, source, target = parameters.path, parameters.source, parameters.target
    done = convert(batch[path], source, target, parameters.dims)
    length = parameters.before.width * parameters.dims
    batch = batch.replace(path, done.column)
    for kind, rows, detail in (
        ("NaN", done.nan, f"not a number stays not a number in {target}"),
        ("infinity", done.infinite, f"infinity stays infinity in {target}"),
        ("overflow", done.overflow, f"values beyond ±{parameters.after.largest:g} become infinity in {target}"),
    ):
        batch = batch.note(kind, path, rows, blocking=True, allow=OVERFLOW, detail=detail)
    for kind, rows, detail in (
        ("all zeros", done.zero if parameters.metric == "cosine" else (), "a vector of zeros has no cosine"),
        (
            "subnormal",
            done.subnormal,
            f"every value is so close to zero that {target} keeps fewer digits of it than of larger ones",
        ),
        (
            "underflow",
            done.underflow,
            f"every value is too close to zero for {target}: the vector becomes all zeros, which has no cosine",
        ),
        (
            "wrong length",
            done.wrong_length,
            f"not the {length} bytes of a {source} vector: its bytes are kept, and Redis will not index it",
        ),
        ("converted already", done.converted_already, f"looks converted already, to {target}: its bytes are kept"),
    ):
        batch = batch.note(kind, path, rows, detail=detail)
    return batch
