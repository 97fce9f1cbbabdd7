"""Encode queries with the dims that an index has after a migration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fieldfare.errors import UsageError
from fieldfare_vectors.datatype import DATATYPES, INTEGERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["encode_query"]


def encode_query(
    vector: Sequence[float] | NDArray[Any], dims: int, *, datatype: str = "float32", renormalize: bool = True
) -> bytes:
    """Truncate a query vector exactly as the vectors of a migrated index.

    Args:
        vector: as the model gives it: finite numbers, at least ``dims``.
        dims: the dimensions of the index now.
        datatype: the datatype of the index: ``float64``, ``float32``, ``float16`` or ``bfloat16``.
        renormalize: as the plan has it.

    Returns:
        What to send as the parameter of a KNN or range query.

    Raises:
        UsageError: the vector is too short or not finite, or the datatype is none of these.
    """
    import numpy as np  # noqa: PLC0415 - numpy costs start-up time

    from fieldfare_vectors.values import cast, to_bytes, truncate  # noqa: PLC0415 - numpy costs start-up time

    if datatype not in DATATYPES:
        reason = (
            "its codes need a plan: use fieldfare.encode_query"
            if datatype in INTEGERS
            else "Redis has no such datatype"
        )
        raise UsageError(f"A query cannot be truncated for the datatype {datatype!r}: {reason}.")
    values = np.asarray(vector, np.float64)
    if values.ndim != 1 or not 1 <= dims <= len(values):
        raise UsageError(f"A vector of the shape {values.shape} cannot be truncated to {dims} dims.")
    if not np.isfinite(values).all():
        raise UsageError("The query vector holds NaN or infinity.")
    return to_bytes(cast(truncate(values[np.newaxis], dims, renormalize=renormalize), datatype)[0])
