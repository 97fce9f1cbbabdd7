"""Rewrite a column of vectors, all of them at once, and find the rows that need attention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from attrs import frozen

from fieldfare.documents import MISSING, Column
from fieldfare_vectors.values import Block, to_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["Headings", "Rewritten", "RewrittenColumn", "find_extremes", "positions", "rewrite_column", "rows_at"]

Headings: TypeAlias = "dict[str, tuple[int, ...]]"
"""Attribute of :class:`RewrittenColumn` → positions of vectors."""


Rewritten: TypeAlias = "tuple[Callable[[], NDArray[Any]], Headings]"
"""What makes the vectors after a rewrite, and the positions of those that need attention."""


@frozen(eq=False)
class RewrittenColumn:
    """A column of rewritten vectors, and the rows that need attention.

    Every row stands under one heading at most. Rows of a wrong length keep their values; all others that have a value
    are rewritten.

    Attributes:
        column: the vectors after the rewrite.
        wrong_length: rows whose value is not a vector.
        already_rewritten: rows whose value has the length of a rewritten vector instead.
        nan: rows with a NaN.
        infinite: rows with an infinity, and no NaN.
        overflow: rows of finite values, one of which is too large, or lies far beyond the integer codes: it becomes the
            largest value, or the nearest code.
        clipped: rows of which a value lies a little beyond the codes and becomes the nearest code.
        underflow: rows with values other than zero that all become zero.
        subnormal: rows whose values all lie so close to zero that fewer digits of them are kept.
        zero: rows of zeros.
    """

    column: Column
    wrong_length: tuple[int, ...] = ()
    already_rewritten: tuple[int, ...] = ()
    nan: tuple[int, ...] = ()
    infinite: tuple[int, ...] = ()
    overflow: tuple[int, ...] = ()
    clipped: tuple[int, ...] = ()
    underflow: tuple[int, ...] = ()
    subnormal: tuple[int, ...] = ()
    zero: tuple[int, ...] = ()


def rewrite_column(
    column: Column, length: int, new_length: int, rewrite: Callable[[Block], Rewritten]
) -> RewrittenColumn:
    """Rewrite the vectors of a column of bytes.

    Args:
        column: one vector per row. Missing rows stay missing.
        length: bytes of a vector before.
        new_length: bytes of a vector after.
        rewrite: gets the bytes of all vectors. What makes the vectors after is called when they are needed, which is
            not in a rehearsal.
    """
    if column.lengths.count(length) == len(column):
        make, found = rewrite(column.block)
        return RewrittenColumn(Column.deferred(lambda: to_bytes(make()), (new_length,) * len(column)), **found)
    values, rows = list(column), column.rows(length)
    make, found = rewrite(b"".join(value for value in values if value is not None and len(value) == length))
    block = to_bytes(make())
    for position, row in enumerate(rows):
        values[row] = block[position * new_length : (position + 1) * new_length]
    others = [row for row, value in enumerate(column.lengths) if value not in (MISSING, length)]
    return RewrittenColumn(
        Column.of(values),
        wrong_length=tuple(row for row in others if column.lengths[row] != new_length),
        already_rewritten=tuple(row for row in others if column.lengths[row] == new_length),
        **rows_at(rows, found),
    )


def rows_at(rows: Sequence[int], found: Mapping[str, Sequence[int]]) -> Headings:
    """Return headings with rows instead of positions among these rows."""
    return {heading: tuple(rows[position] for position in positions) for heading, positions in found.items()}


def find_extremes(before: NDArray[Any], after: NDArray[Any]) -> Headings:
    """Return the positions of vectors that a datatype cannot hold, or that are zeros.

    Args:
        before: the largest magnitude of each vector; NaN where there is one.
        after: the same of the rewritten vectors, in their datatype. Rounding keeps order: a vector's largest magnitude
            overflows if any of its values does, and is zero if all are.
    """
    finite = np.isfinite(before)
    return {
        "nan": positions(np.isnan(before)),
        "infinite": positions(np.isinf(before)),
        "overflow": positions(finite & ~np.isfinite(after)),
        "underflow": positions(finite & (before != 0) & (after == 0)),
        "zero": positions(before == 0),
    }


def positions(mask: NDArray[np.bool_]) -> tuple[int, ...]:
    """Return where a mask is true."""
    return tuple(np.flatnonzero(mask).tolist())
