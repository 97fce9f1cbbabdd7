"""Truncate a column of vectors, all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from fieldfare.documents import MISSING, Column
from fieldfare_vectors.json_arrays import format_vectors, parse_vectors
from fieldfare_vectors.truncate import truncate
from fieldfare_vectors.values import NUMPY_DTYPES, cast, from_bytes, to_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fieldfare_dims.parameters import TruncationParameters

__all__ = ["TruncatedColumn", "truncate_arrays", "truncate_bytes"]


@frozen(eq=False)
class TruncatedColumn:
    """A column of shorter vectors, and the rows that need attention.

    Every row stands under one heading at most. Rows that are no vectors of the old dims stay as they are.

    Attributes:
        column: the vectors, truncated.
        wrong_length: rows whose value is no vector.
        already_truncated: rows whose value has the new dims.
        nan: rows with a NaN.
        infinite: rows with an infinity, and no NaN.
        overflow: rows of finite values, one of which becomes too large: it is replaced by the largest value.
        zero: rows of zeros.
        underflow: other rows that become zeros.
    """

    column: Column
    wrong_length: tuple[int, ...] = ()
    already_truncated: tuple[int, ...] = ()
    nan: tuple[int, ...] = ()
    infinite: tuple[int, ...] = ()
    overflow: tuple[int, ...] = ()
    zero: tuple[int, ...] = ()
    underflow: tuple[int, ...] = ()


def truncate_bytes(parameters: TruncationParameters, column: Column) -> TruncatedColumn:
    """Truncate vectors that are bytes, in the datatype that they have.

    They are scaled in float64 and rounded once; without scaling, no bit of the leading values changes.
    """
    length, new_length = (dims * parameters.width for dims in (parameters.source, parameters.target))
    rows = column.rows(length)
    is_uniform = len(rows) == len(column)
    block = (
        column.block if is_uniform else b"".join(each for each in column if each is not None and len(each) == length)
    )
    vectors = from_bytes(block, parameters.datatype).reshape(-1, parameters.source)
    short = truncate(vectors, parameters.target, renormalize=parameters.renormalize)
    truncated = to_bytes(np.ascontiguousarray(cast(short, parameters.datatype)))
    if is_uniform:
        done = Column(truncated, (new_length,) * len(column))
    else:
        pieces = (truncated[start : start + new_length] for start in range(0, len(truncated), new_length))
        done = _replace_rows(column, dict(zip(rows, pieces, strict=True)))
    others = [row for row, each in enumerate(column.lengths) if each not in (MISSING, length)]
    return _build(
        done,
        rows,
        _peaks(vectors),
        _peaks(short, parameters.datatype),
        wrong_length=tuple(row for row in others if column.lengths[row] != new_length),
        already_truncated=tuple(row for row in others if column.lengths[row] == new_length),
    )


def truncate_arrays(parameters: TruncationParameters, column: Column) -> TruncatedColumn:
    """Truncate vectors that are JSON arrays. ``null`` is no vector and is not noted."""
    rows, vectors = parse_vectors(column, parameters.source)
    short = truncate(vectors, parameters.target, renormalize=parameters.renormalize)
    done = _replace_rows(column, dict(zip(rows, format_vectors(short), strict=True)))
    others = {row for row, value in enumerate(column) if value not in (None, b"null")}.difference(rows)
    already_truncated, _ = parse_vectors(
        (column[row] if row in others else None for row in range(len(column))), parameters.target
    )
    return _build(
        done,
        rows,
        _peaks(vectors),
        _peaks(short),
        wrong_length=tuple(sorted(others.difference(already_truncated))),
        already_truncated=already_truncated,
    )


def _replace_rows(column: Column, values: dict[int, bytes]) -> Column:
    return Column.of(values.get(row, value) for row, value in enumerate(column))


def _build(
    column: Column, rows: Sequence[int], before: NDArray[Any], after: NDArray[Any], **others: tuple[int, ...]
) -> TruncatedColumn:
    finite = np.isfinite(before)

    def rows_where(mask: NDArray[np.bool_]) -> tuple[int, ...]:
        return tuple(rows[position] for position in np.flatnonzero(mask).tolist())

    return TruncatedColumn(
        column,
        nan=rows_where(np.isnan(before)),
        infinite=rows_where(np.isinf(before)),
        overflow=rows_where(finite & ~np.isfinite(after)),
        zero=rows_where(before == 0),
        underflow=rows_where(finite & (before != 0) & (after == 0)),
        **others,
    )


def _peaks(vectors: NDArray[Any], datatype: str = "float64") -> NDArray[Any]:
    """Return the largest magnitude of each row, rounded to a datatype; NaN where there is one."""
    with np.errstate(all="ignore"):
        peaks: NDArray[Any] = np.abs(vectors.astype(np.float64)).max(axis=1, initial=0).astype(NUMPY_DTYPES[datatype])
    return peaks
