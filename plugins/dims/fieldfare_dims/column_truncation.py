"""Truncate a column of vectors, all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fieldfare.documents import Column
from fieldfare_vectors.json_arrays import format_vectors, parse_vectors
from fieldfare_vectors.rewritten_column import Rewritten, RewrittenColumn, find_extremes, rewrite_column, rows_at
from fieldfare_vectors.values import NUMPY_DTYPES, Block, cast, from_bytes, truncate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldfare_vectors.truncation_parameters import TruncationParameters

__all__ = ["truncate_arrays", "truncate_bytes"]


def truncate_bytes(parameters: TruncationParameters, column: Column) -> RewrittenColumn:
    """Truncate vectors that are bytes, in the datatype that they have.

    They are scaled in float64 and rounded once; without scaling, no bit of the leading values changes.
    """
    datatype, source, target = parameters.datatype, parameters.source, parameters.target

    def truncate_block(block: Block) -> Rewritten:
        vectors = from_bytes(block, datatype).reshape(-1, source)
        short = truncate(vectors, target, renormalize=parameters.renormalize)
        return lambda: cast(short, datatype), find_extremes(_peaks(vectors), _peaks(short, datatype))

    return rewrite_column(column, source * parameters.width, target * parameters.width, truncate_block)


def truncate_arrays(parameters: TruncationParameters, column: Column) -> RewrittenColumn:
    """Truncate vectors that are JSON arrays. ``null`` is not a vector and is not noted."""
    rows, vectors = parse_vectors(column, parameters.source)
    short = truncate(vectors, parameters.target, renormalize=parameters.renormalize)
    values = dict(zip(rows, format_vectors(short), strict=True))
    others = {row for row, value in enumerate(column) if value not in (None, b"null")}.difference(rows)
    already_rewritten, _ = parse_vectors(
        (column[row] if row in others else None for row in range(len(column))), parameters.target
    )
    return RewrittenColumn(
        Column.of(values.get(row, value) for row, value in enumerate(column)),
        wrong_length=tuple(sorted(others.difference(already_rewritten))),
        already_rewritten=already_rewritten,
        **rows_at(rows, find_extremes(_peaks(vectors), _peaks(short))),
    )


def _peaks(vectors: NDArray[Any], datatype: str = "float64") -> NDArray[Any]:
    """Return the largest magnitude of each row, rounded to a datatype; NaN where there is one."""
    with np.errstate(all="ignore"):
        peaks: NDArray[Any] = np.abs(vectors.astype(np.float64)).max(axis=1, initial=0).astype(NUMPY_DTYPES[datatype])
    return peaks
