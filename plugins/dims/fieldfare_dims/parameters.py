"""The ``params`` of the step ``dims.truncate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from fieldfare.definition import Storage
from fieldfare_vectors.datatype import width_of

if TYPE_CHECKING:
    from fieldfare.changes import UpdateField
    from fieldfare.definition import Field
    from fieldfare.plan import Step

__all__ = ["TruncationParameters"]


@frozen
class TruncationParameters:
    """How the vectors of a field are truncated.

    Attributes:
        field: the name of the field in queries.
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
    def of(cls, step: Step) -> TruncationParameters:
        """Read the parameters of a step."""
        return cls(**step.params)

    @classmethod
    def for_change(
        cls, change: UpdateField, field: Field, storage: Storage, *, renormalize: bool
    ) -> TruncationParameters:
        """Return the parameters of a change that is supported."""
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
