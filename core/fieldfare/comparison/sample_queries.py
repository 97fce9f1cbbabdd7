"""Queries for two indexes of which the user has given none: all documents, and the neighbours of some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fieldfare.definition import Field, IndexDefinition
from fieldfare.definition.reply import text
from fieldfare.queries import DocumentVector, Kind, Query, QueryCommand
from fieldfare.server import Server
from fieldfare.server.document_reader import trial_reads
from fieldfare.server.document_vector import read_vector
from fieldfare.server.knn import escape_name
from fieldfare.server.permissions import require_allowed
from fieldfare.server.refusal import trial_keys
from fieldfare.server.search import search_keys

__all__ = ["SAMPLES", "sample_queries"]

SAMPLES: Final = 10
"""Documents for each vector field whose neighbours are compared."""

KEYS_PER_QUERY: Final = 10
"""How many keys are read for each query: some documents lack the field."""


def sample_queries(
    server: Server, index: IndexDefinition, against: IndexDefinition, samples: int = SAMPLES
) -> tuple[Query, ...]:
    """Return queries that both indexes can answer: for all documents, and KNN queries with the vectors of some.

    Args:
        server: it has both indexes.
        index: the first one, whose documents give the vectors.
        against: the second one.
        samples: how many documents for each vector field.

    Raises:
        CommandNotAllowed: the user may not read the documents.
    """
    queries = [Query("all documents", QueryCommand(Kind.SEARCH, "*"))]
    shared = {each.name: found for each in index.fields if each.is_vector and (found := _same_field(each, against))}
    if shared:
        require_allowed(server, trial_reads(index.storage, trial_keys(index.prefixes)))
    keys = search_keys(server, index.name, samples * KEYS_PER_QUERY) if shared and samples else []
    for field in index.fields:
        if field.name in shared:
            queries.extend(_neighbours(server, index, (field, shared[field.name]), keys, samples))
    return tuple(queries)


def _same_field(field: Field, index: IndexDefinition) -> Field | None:
    """Return the vector field of an index that has the same name, or reads the same values."""
    vectors = [each for each in index.fields if each.is_vector]
    return next(
        (each for key in ("name", "path") for each in vectors if getattr(each, key) == getattr(field, key)), None
    )


def _neighbours(
    server: Server, index: IndexDefinition, fields: tuple[Field, Field], keys: list[bytes], samples: int
) -> Iterator[Query]:
    field, other = fields
    knn, against = (
        QueryCommand(Kind.SEARCH, f"*=>[KNN 10 @{escape_name(name)} $vector AS __distance]")
        for name in (field.name, other.name)
    )
    found = 0
    for key in keys:
        if found == samples:
            return
        if read_vector(server, index.storage, key, field) is not None:
            found += 1
            name = f"{field.name} of {text(key)}"
            yield Query(name, knn, against, params={"vector": DocumentVector(text(key), field.name)})
