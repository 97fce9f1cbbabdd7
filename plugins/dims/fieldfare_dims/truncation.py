"""The step ``dims.truncate``: what a plan says of it, and what it does to a batch of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import asdict, frozen

from fieldfare.definition import Storage
from fieldfare.plan import Step
from fieldfare_vectors.datatype import width_of
from fieldfare_vectors.hygiene import NO_COSINE, ZEROS
from fieldfare_vectors.truncation import KIND

if TYPE_CHECKING:
    from fieldfare.changes import UpdateField
    from fieldfare.definition import Field
    from fieldfare.documents import Batch

__all__ = ["KIND", "Parameters", "plan_truncation", "truncate_batch"]

OVERFLOW: Final = "overflow"
"""The name under which values that become, or are, no finite number may be allowed."""


@frozen
class Parameters:
    """What a step of this kind has in ``params``.

    Attributes:
        field: what queries call the field.
        path: where the document holds the vector: a hash field or a JSON path.
        storage: how documents are stored.
        datatype: of the index; of the vector's bytes too, in a hash.
        source: values of one vector before.
        target: values of one vector after.
        metric: how the index compares vectors: ``cosine``, ``l2`` or ``ip``.
        renormalize: whether each vector keeps its length.
    """

    field: str
    path: str
    storage: str
    datatype: str
    source: int
    target: int
    metric: str
    renormalize: bool = True

    @classmethod
    def of(cls, step: Step) -> Parameters:
        """Read the parameters of a step."""
        return cls(**step.params)

    @classmethod
    def for_change(cls, change: UpdateField, field: Field, storage: Storage, *, renormalize: bool) -> Parameters:
        """Return what a change that can be carried out asks for."""
        return cls(
            field.name,
            field.path,
            storage.value,
            str(field.attrs["datatype"]).lower(),
            int(field.attrs["dims"]),
            int(change.new or 0),
            str(field.attrs.get("distance_metric", "l2")).lower(),
            renormalize,
        )

    @property
    def in_json(self) -> bool:
        """Whether documents hold numbers instead of bytes."""
        return self.storage == Storage.JSON

    @property
    def width(self) -> int:
        """Bytes of one value in the index."""
        return width_of(self.datatype)


def plan_truncation(parameters: Parameters) -> Step:
    """Build the step that cuts a vector field in every document."""
    manner = ", and renormalize" if parameters.renormalize else ""
    return Step.rewrite(
        KIND,
        [parameters.path],
        params=asdict(parameters),
        summary=f"Cut {parameters.field!r} from {parameters.source} to {parameters.target} dims{manner}",
    )


def truncate_batch(parameters: Parameters, batch: Batch) -> Batch:
    """Cut the vectors of a batch, and note the documents that deserve a word.

    Args:
        parameters: of the step.
        batch: documents with the column ``parameters.path``.

    Returns:
        The batch with that column cut. What is no vector of ``parameters.source`` values stays as it is.
    """
    from fieldfare_dims.cut import cut_arrays, cut_bytes  # noqa: PLC0415 - numpy costs start-up time

    path = parameters.path
    cut = (cut_arrays if parameters.in_json else cut_bytes)(parameters, batch[path])
    batch = batch.replace(path, cut.column)
    unscaled = ", and the vector is cut without being renormalized" if parameters.renormalize else ""
    is_cosine = parameters.metric == "cosine"
    zeros = f"the first {parameters.target} values are all zeros: what is left has no direction"
    for kind, rows, detail in (
        ("NaN", cut.nan, f"not a number stays not a number{unscaled}"),
        ("infinity", cut.infinite, f"infinity stays infinity{unscaled}"),
        (
            "overflow",
            cut.overflow,
            f"renormalized, a value is too large for {parameters.datatype}: it is cut off",
        ),
        # Redis divides by the length: such a vector becomes NaN in the index, and disturbs the answers to all queries
        ("nothing left", cut.lost if is_cosine else (), f"{zeros}, and no cosine"),
    ):
        batch = batch.note(kind, path, rows, blocking=True, allow=OVERFLOW, detail=detail)
    source, target = parameters.source, parameters.target
    expected = f"the list of {source} numbers" if parameters.in_json else f"the {source * parameters.width} bytes"
    for kind, rows, detail in (
        (ZEROS, cut.zero if is_cosine else (), f"a vector of zeros {NO_COSINE}"),
        ("nothing left", () if is_cosine else cut.lost, zeros),
        ("cut already", cut.cut_already, f"it has {target} values already: it is kept"),
        ("wrong length", cut.wrong_length, f"not {expected} of a vector: it is kept, and Redis will not index it"),
    ):
        batch = batch.note(kind, path, rows, detail=detail)
    return batch
