"""A comparison that is read from its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fieldfare.comparison.model import IndexComparison
from fieldfare.support.structure import StructureError, make_converter, structure

__all__ = ["comparison_from_dict"]

DERIVED: Final = frozenset({"version", "passed", "mean_overlap"})
DERIVED_OF_QUERY: Final = frozenset({"passed", "count_ratio"})
"""Keys whose values follow from the rest."""

_CONVERTER: Final = make_converter()


def comparison_from_dict(document: Mapping[str, Any]) -> IndexComparison:
    """Return the comparison that the plain values of its file describe.

    Raises:
        StructureError: they do not describe a comparison; with all problems.
    """
    plain = {key: value for key, value in document.items() if key not in DERIVED}
    queries = plain.get("queries")
    if isinstance(queries, list) and all(isinstance(each, dict) for each in queries):
        plain["queries"] = [
            {key: value for key, value in each.items() if key not in DERIVED_OF_QUERY} for each in queries
        ]
    elif queries is not None:
        raise StructureError([(("queries",), "must be a list of mappings")])
    return structure(_CONVERTER, plain, IndexComparison)
