"""The query check file: keys that must exist, and the user's own queries.

May import: ``server`` and below. Must not know: runs, plugins, how answers are compared.
"""

from fieldfare.queries.model import (
    CountQuery,
    DocumentVector,
    Kind,
    Parameter,
    Query,
    QueryChecks,
    QueryCommand,
    VectorValues,
)

__all__ = [
    "CountQuery",
    "DocumentVector",
    "Kind",
    "Parameter",
    "Query",
    "QueryChecks",
    "QueryCommand",
    "VectorValues",
]
