"""One row of the recall table: the figures of a datatype under a metric."""

from __future__ import annotations

from attrs import frozen

__all__ = ["RecallRow"]


@frozen
class RecallRow:
    """Shares of the ten nearest neighbours that are kept, 0 to 1.

    Attributes:
        metric: ``cosine``, ``l2`` or ``ip``.
        datatype: after the conversion.
        fieldfare: kept of all vectors.
        predicted: kept of a sample, as a plan says.
        guide: kept of all vectors by the guide's conversion.
    """

    metric: str
    datatype: str
    fieldfare: float
    predicted: float
    guide: float
