"""The arguments of FT.SEARCH and FT.AGGREGATE that a query check file may hold, and what they say of the order.

Sources: https://redis.io/docs/latest/commands/ft.search/ and https://redis.io/docs/latest/commands/ft.aggregate/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from fieldfare.queries.model import Kind
from fieldfare.support.suggestion import suggestion

__all__ = ["Cutoff", "SortOrder", "aggregate_cutoff", "argument_problems", "has_argument", "search_order"]

COUNTED: Final = -1
"""An argument that is followed by the number of its values."""

SEARCH: Final[Mapping[str, int]] = {
    "SORTBY": 1,
    "FILTER": 3,
    "GEOFILTER": 5,
    "INFIELDS": COUNTED,
    "SLOP": 1,
    "INORDER": 0,
    "LANGUAGE": 1,
    "EXPANDER": 1,
    "SCORER": 1,
    "VERBATIM": 0,
    "NOSTOPWORDS": 0,
    "TIMEOUT": 1,
}
"""Argument of FT.SEARCH → how many values follow it."""

INSTEAD: Final[Mapping[str, str]] = {
    "PARAMS": "the key 'params' is for parameters",
    "DIALECT": "the key 'dialect' is for the dialect",
    "LIMIT": "the key 'top' says how many results are compared",
}
"""Argument → what to write instead of it."""

NOT_COMPARED: Final = (
    *("INKEYS", "NOCONTENT", "RETURN", "SUMMARIZE", "HIGHLIGHT", "EXPLAINSCORE", "WITHCURSOR"),
    *("WITHSCORES", "WITHPAYLOADS", "WITHSORTKEYS", "WITHCOUNT", "WITHOUTCOUNT"),
)
"""Arguments that change the form of an answer, or are needed to compare it."""

SORT_ROWS: Final = 10
"""How many rows FT.AGGREGATE returns if it sorts them without LIMIT or MAX."""


@frozen
class SortOrder:
    """How the results of FT.SEARCH are ordered: by SORTBY, or by score.

    Attributes:
        by_field: whether there is a SORTBY.
        descending: whether the largest value comes first.
    """

    by_field: bool
    descending: bool


@frozen
class Cutoff:
    """Where FT.AGGREGATE ends its rows.

    Attributes:
        limit: how many it returns.
        fields: by which they are sorted; none if they are not.
    """

    limit: int
    fields: tuple[str, ...] = ()


def argument_problems(kind: Kind, arguments: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with the arguments of a query."""
    if kind is Kind.SEARCH:
        yield from _search_problems(arguments)
        return
    for word in map(str.upper, arguments):
        if word in {"PARAMS", "DIALECT"}:
            yield f"{word} does not belong here: {INSTEAD[word]}"
        elif word == "WITHCURSOR":
            yield "WITHCURSOR does not belong here: rows are compared without a cursor"


def search_order(arguments: Sequence[str]) -> SortOrder:
    """Return how FT.SEARCH orders its results."""
    words = [word.upper() for word, _ in _search_words(arguments)]
    if "SORTBY" not in words:
        return SortOrder(by_field=False, descending=True)
    return SortOrder(by_field=True, descending="DESC" in words)


def has_argument(arguments: Sequence[str], name: str) -> bool:
    """Whether FT.SEARCH or FT.AGGREGATE is given an argument."""
    return name in map(str.upper, arguments)


def aggregate_cutoff(arguments: Sequence[str]) -> Cutoff | None:
    """Return where FT.AGGREGATE ends its rows; None if it returns all of them."""
    words = [each.upper() for each in arguments]
    limit: int | None = None
    fields: tuple[str, ...] = ()
    for place, word in enumerate(words):
        following = arguments[place + 1 :]
        if word == "SORTBY":
            count = _number(following[:1])
            fields = tuple(each.removeprefix("@") for each in following[1 : 1 + count] if each.startswith("@"))
            limit = SORT_ROWS
        elif word == "MAX":
            limit = _number(following[:1]) or limit
        elif word == "LIMIT":
            limit = _number(following[1:2])
    return None if limit is None else Cutoff(limit, fields)


def _search_problems(arguments: Sequence[str]) -> Iterator[str]:
    for word, missing in _search_words(arguments):
        name = word.upper()
        if name in INSTEAD:
            yield f"{name} does not belong here: {INSTEAD[name]}"
            return
        if name in NOT_COMPARED:
            yield f"{name} does not belong here: answers are compared by their keys and scores"
            return
        if name not in SEARCH and name not in {"ASC", "DESC"}:
            hint = suggestion(name, SEARCH) or f"; known are {', '.join(SEARCH)}"
            yield f"{word!r} is no argument of FT.SEARCH{hint}"
            return
        if missing:
            yield f"{name} lacks a value"


def _search_words(arguments: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yield each argument's name, without its values, and whether values are missing."""
    place = 0
    while place < len(arguments):
        word = arguments[place]
        values = SEARCH.get(word.upper(), 0)
        place += 1
        if values == COUNTED:
            values = 1 + _number(arguments[place : place + 1])
        yield word, place + values > len(arguments)
        place += values


def _number(words: Sequence[str]) -> int:
    return int(words[0]) if words and words[0].isdecimal() else 0
