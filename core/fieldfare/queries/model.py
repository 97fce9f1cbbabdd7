"""What a query check file asks. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias

from attrs import field, frozen

__all__ = [
    "DIALECT",
    "TOP",
    "CountQuery",
    "DocumentVector",
    "Kind",
    "Parameter",
    "Query",
    "QueryChecks",
    "QueryCommand",
    "VectorValues",
]

TOP: Final = 10
"""How many results are compared: as many as FT.SEARCH returns without LIMIT."""

DIALECT: Final = 2
"""The first dialect that has PARAMS and vector queries."""


class Kind(StrEnum):
    """The command that asks a query."""

    SEARCH = "search"
    AGGREGATE = "aggregate"


@frozen
class DocumentVector:
    """A vector parameter: the vector that a document holds.

    Attributes:
        key: the key of the document.
        field: the vector field, by its name in the first index.
    """

    key: str
    field: str


@frozen(repr=False)
class VectorValues:
    """A vector parameter that was read from a file.

    Attributes:
        values: the values of the vector.
        datatype: in which the file has them: ``float32``, ``int8``, ...
        field: the vector field for which the vector is encoded, if the query does not tell.
    """

    values: tuple[float, ...]
    datatype: str
    field: str | None = None


Parameter: TypeAlias = str | int | float | DocumentVector | VectorValues


@frozen
class QueryCommand:
    """A query as one index is asked.

    Attributes:
        kind: FT.SEARCH or FT.AGGREGATE.
        text: the query itself.
        arguments: what follows it, except what a query has keys for.
    """

    kind: Kind
    text: str
    arguments: tuple[str, ...] = ()


@frozen(hash=False)
class Query:
    """A query whose answers by two indexes are compared.

    Attributes:
        name: in tables, reports and findings.
        command: as the first index is asked.
        against: as the second one is asked, if that is another query: a renamed field, say.
        params: PARAMS of both.
        top: how many results of FT.SEARCH are compared.
        dialect: DIALECT of both.
        min_results: how many results a single index must find where nothing is compared.
        min_overlap: the least overlap that passes; None for that of the file, or of the command.
    """

    name: str
    command: QueryCommand
    against: QueryCommand | None = None
    params: Mapping[str, Parameter] = field(factory=dict)
    top: int = TOP
    dialect: int = DIALECT
    min_results: int = 1
    min_overlap: float | None = None


@frozen
class CountQuery:
    """A query that must find something.

    Attributes:
        text: the query.
        min_results: how many documents it must find.
    """

    text: str
    min_results: int = 1


@frozen(hash=False)
class QueryChecks:
    """The content of a query check file.

    Attributes:
        keys_exist: keys that must exist.
        fetch_ids: the same by id, without the index's prefix.
        counts: queries that must find something.
        queries: queries with answers that can be compared.
        min_overlap: the minimum overlap of each query that has none of its own.
        min_mean_overlap: the minimum mean overlap of all queries together.
    """

    keys_exist: tuple[str, ...] = ()
    fetch_ids: tuple[str, ...] = ()
    counts: tuple[CountQuery, ...] = ()
    queries: tuple[Query, ...] = ()
    min_overlap: float | None = None
    min_mean_overlap: float | None = None
