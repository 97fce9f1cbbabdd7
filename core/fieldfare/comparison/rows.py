"""The rows of FT.AGGREGATE: how many of them two indexes share, whatever their order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import isclose
from typing import Any, Final, TypeAlias

from attrs import frozen

from fieldfare.definition.reply import encode
from fieldfare.queries.arguments import Cutoff

__all__ = ["Row", "row_overlap"]

Row: TypeAlias = Mapping[bytes, Any]

_Numbered: TypeAlias = tuple[tuple[float, ...], Row]
_Group: TypeAlias = tuple[list[_Numbered], list[_Numbered]]

RELATIVE: Final = 1e-6
ABSOLUTE: Final = 1e-9


@frozen
class _Comparable:
    """A row in two parts: what must be equal, and numbers that may differ by rounding."""

    exact: tuple[object, ...]
    numbers: tuple[float, ...]


def row_overlap(first: Sequence[Row], second: Sequence[Row], cutoff: Cutoff | None) -> float:
    """Return the share of the first index's rows that the second one has, too.

    Args:
        first: rows of the first index.
        second: rows of the second one.
        cutoff: where the rows end. Rows that are sorted like the last one stand there by chance: any of them counts.
    """
    if not first:
        return 0.0 if second else 1.0
    matched, rest, others = _match(first, second)
    if cutoff is not None and min(len(first), len(second)) >= cutoff.limit:
        last = _sorted_by(first[-1], cutoff)
        if last == _sorted_by(second[-1], cutoff):
            tied = [[row for row in rows if _sorted_by(row, cutoff) == last] for rows in (rest, others)]
            matched += min(map(len, tied))
    return min(matched / len(first), 1.0)


def _match(first: Sequence[Row], second: Sequence[Row]) -> tuple[int, list[Row], list[Row]]:
    """Return how many rows both have, and the rest of either."""
    groups: dict[tuple[object, ...], _Group] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((first, second)):
        for row in rows:
            comparable = _comparable(row)
            groups[comparable.exact][side].append((comparable.numbers, row))
    matched = 0
    rest: tuple[list[Row], list[Row]] = ([], [])
    for ours, theirs in groups.values():
        for numbered in (ours, theirs):
            numbered.sort(key=lambda pair: pair[0], reverse=True)
        while ours and theirs:
            (mine, my_row), (other, other_row) = ours[-1], theirs[-1]
            if _close(mine, other):
                matched += 1
                ours.pop()
                theirs.pop()
            elif mine < other:
                rest[0].append(my_row)
                ours.pop()
            else:
                rest[1].append(other_row)
                theirs.pop()
        rest[0].extend(row for _, row in ours)
        rest[1].extend(row for _, row in theirs)
    return matched, *rest


def _comparable(row: Row) -> _Comparable:
    exact: list[object] = []
    numbers: list[float] = []
    for name, value in sorted(row.items()):
        number = _number(value)
        exact.append((name, None if number is not None else _plain(value)))
        if number is not None:
            numbers.append(number)
    return _Comparable(tuple(exact), tuple(numbers))


def _plain(value: Any) -> object:
    """Return a value that can be compared; a list without its order, which reducers leave open."""
    if isinstance(value, list):
        return frozenset(Counter(map(_plain, value)).items())
    if isinstance(value, dict):
        return frozenset((key, _plain(each)) for key, each in value.items())
    return encode(value) if isinstance(value, str) else value


def _number(value: Any) -> float | None:
    if isinstance(value, list | dict) or value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if number == number else None  # noqa: PLR0124 - NaN is equal to no other


def _sorted_by(row: Row, cutoff: Cutoff) -> tuple[object, ...]:
    return tuple(_rounded(row.get(encode(name))) for name in cutoff.fields)


def _rounded(value: Any) -> object:
    number = _number(value)
    return _plain(value) if number is None else f"{number:.6g}"


def _close(mine: Iterable[float], other: Iterable[float]) -> bool:
    pairs = zip(mine, other, strict=True)
    return all(isclose(one, two, rel_tol=RELATIVE, abs_tol=ABSOLUTE) for one, two in pairs)
