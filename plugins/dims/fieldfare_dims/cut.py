"""Cut a column of vectors, all of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from fieldfare.documents import MISSING, Column
from fieldfare_vectors.arrays import parse, spell
from fieldfare_vectors.leading import leading
from fieldfare_vectors.values import NATIVE, cast, native, to_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fieldfare_dims.truncation import Parameters

__all__ = ["Cut", "cut_arrays", "cut_bytes"]


@frozen(eq=False)
class Cut:
    """A column of shorter vectors, and the rows that deserve a word.

    Every row stands under one heading at most. Rows that are no vectors of the old dims are kept as they are.

    Attributes:
        column: the vectors, cut.
        wrong_length: rows whose value is no vector.
        cut_already: rows whose value has the new dims.
        nan: rows with a NaN.
        infinite: rows with an infinity, and no NaN.
        overflow: rows of finite values, of which one is too large: it becomes the outermost value.
        zero: rows of zeros.
        lost: other rows, of which only zeros are left.
    """

    column: Column
    wrong_length: tuple[int, ...] = ()
    cut_already: tuple[int, ...] = ()
    nan: tuple[int, ...] = ()
    infinite: tuple[int, ...] = ()
    overflow: tuple[int, ...] = ()
    zero: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()


def cut_bytes(parameters: Parameters, column: Column) -> Cut:
    """Cut vectors that are bytes, in the datatype that they have.

    They are scaled in float64 and rounded once; without scaling, bits stay as they are.
    """
    length, new_length = (dims * parameters.width for dims in (parameters.source, parameters.target))
    rows = column.rows(length)
    whole = len(rows) == len(column)
    block = column.block if whole else b"".join(value for value in column if value is not None and len(value) == length)
    vectors = native(block, parameters.datatype).reshape(-1, parameters.source)
    short = leading(vectors, parameters.target, renormalize=parameters.renormalize)
    cut = to_bytes(np.ascontiguousarray(cast(short, parameters.datatype)))
    if whole:
        done = Column(cut, (new_length,) * len(column))
    else:
        pieces = (cut[start : start + new_length] for start in range(0, len(cut), new_length))
        done = _replaced(column, dict(zip(rows, pieces, strict=True)))
    others = [row for row, each in enumerate(column.lengths) if each not in (MISSING, length)]
    return _cut(
        done,
        rows,
        _peaks(vectors),
        _peaks(short, parameters.datatype),
        wrong_length=tuple(row for row in others if column.lengths[row] != new_length),
        cut_already=tuple(row for row in others if column.lengths[row] == new_length),
    )


def cut_arrays(parameters: Parameters, column: Column) -> Cut:
    """Cut vectors that are JSON arrays. ``null`` is no vector, and nothing to speak of."""
    rows, vectors = parse(column, parameters.source)
    short = leading(vectors, parameters.target, renormalize=parameters.renormalize)
    done = _replaced(column, dict(zip(rows, spell(short), strict=True)))
    others = {row for row, value in enumerate(column) if value not in (None, b"null")}.difference(rows)
    cut_already, _ = parse((column[row] if row in others else None for row in range(len(column))), parameters.target)
    return _cut(
        done,
        rows,
        _peaks(vectors),
        _peaks(short),
        wrong_length=tuple(sorted(others.difference(cut_already))),
        cut_already=cut_already,
    )


def _replaced(column: Column, values: dict[int, bytes]) -> Column:
    return Column.of(values.get(row, value) for row, value in enumerate(column))


def _cut(
    column: Column, rows: Sequence[int], before: NDArray[Any], after: NDArray[Any], **others: tuple[int, ...]
) -> Cut:
    finite = np.isfinite(before)

    def named(mask: NDArray[np.bool_]) -> tuple[int, ...]:
        return tuple(rows[position] for position in np.flatnonzero(mask).tolist())

    return Cut(
        column,
        nan=named(np.isnan(before)),
        infinite=named(np.isinf(before)),
        overflow=named(finite & ~np.isfinite(after)),
        zero=named(before == 0),
        lost=named(finite & (before != 0) & (after == 0)),
        **others,
    )


def _peaks(vectors: NDArray[Any], datatype: str = "float64") -> NDArray[Any]:
    """Return the largest magnitude of each row, rounded to a datatype; NaN where there is one."""
    with np.errstate(all="ignore"):
        peaks: NDArray[Any] = np.abs(vectors.astype(np.float64)).max(axis=1, initial=0).astype(NATIVE[datatype])
    return peaks
