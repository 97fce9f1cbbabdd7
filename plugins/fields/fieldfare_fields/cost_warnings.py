"""Plan warnings about what an attribute costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldfare.changes import UpdateField
    from fieldfare.definition import Field

__all__ = ["costs_of_field", "costs_of_update"]

_GAINED: Final[Mapping[str, str]] = {
    "sortable": "SORTABLE keeps a copy of every value in memory",
    "withsuffixtrie": "WITHSUFFIXTRIE keeps every suffix of every word in memory",
    "no_index": "NOINDEX: queries can no longer search this field",
    "no_stem": "NOSTEM: queries find exact word forms only",
    "case_sensitive": "CASESENSITIVE: queries must match the case of each tag",
    "index_missing": "INDEXMISSING keeps a list of the documents without this field",
}
_LOST: Final[Mapping[str, str]] = {
    "sortable": "without SORTABLE, sorting reads every document and is slow",
    "withsuffixtrie": "without WITHSUFFIXTRIE, suffix and infix queries are slow",
    "index_missing": "without INDEXMISSING, queries with ismissing() fail",
    "index_empty": "without INDEXEMPTY, queries for empty values fail",
    "phonetic_matcher": "without PHONETIC, words that only sound alike are no longer found",
}
_CHANGED: Final[Mapping[str, str]] = {
    "distance_metric": "scores change: range queries need new thresholds",
    "separator": "values are split into different tags",
    "weight": "scores of text queries change",
    "coord_system": "coordinates are read in another system: distances and shapes change",
    "m": "the graph is rebuilt: recall, speed and memory change",
    "ef_construction": "the graph is rebuilt: recall and build time change",
}


def costs_of_field(field: Field) -> tuple[str, ...]:
    """Return one warning for each attribute of a new field that has a cost."""
    return tuple(f"{field.name!r}: {_GAINED[key]}" for key, value in field.attrs.items() if value and key in _GAINED)


def costs_of_update(change: UpdateField) -> tuple[str, ...]:
    """Return the warning about an attribute's new value, if there is one."""
    lines = _CHANGED if change.attribute in _CHANGED else _GAINED if change.new else _LOST
    return (f"{change.name!r}: {lines[change.attribute]}",) if change.attribute in lines else ()
