"""Values that FT.CREATE refuses, so that they are found before the index is dropped.

Observed on search 2.10.5 and, where noted, 8.2; see https://redis.io/docs/latest/commands/ft.create/ .
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.definition import Algorithm, Field, attributes_of, find_attribute
from fieldfare_fields.rule import Character, Choice, Range

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["refused_field", "refused_option"]

_LANGUAGES: Final = Choice.of(
    "ARABIC ARMENIAN BASQUE CATALAN CHINESE DANISH DUTCH ENGLISH FINNISH FRENCH GERMAN GREEK HINDI HUNGARIAN "
    "INDONESIAN IRISH ITALIAN LITHUANIAN NEPALI NORWEGIAN PORTUGUESE ROMANIAN RUSSIAN SERBIAN SPANISH SWEDISH "
    "TAMIL TURKISH YIDDISH"
)
_POSITIVE: Final = Range(1)

_ATTRIBUTES: Final[Mapping[str, Choice | Range | Character]] = {
    "coord_system": Choice.of("SPHERICAL FLAT"),
    "phonetic_matcher": Choice.of("DM:EN DM:FR DM:PT DM:ES"),
    "separator": Character(),
    "algorithm": Choice(tuple(Algorithm)),
    "distance_metric": Choice.of("COSINE L2 IP"),
    "initial_cap": Range(0),
    "block_size": _POSITIVE,
    # 1, and anything from 32768 on, do not fail: they crash the server.
    "m": Range(2, 32767),
    "ef_construction": _POSITIVE,
    "ef_runtime": _POSITIVE,
    "epsilon": Range(0),
    "compression": Choice.of("LVQ8 LVQ4 LVQ4X4 LVQ4X8 LEANVEC4X8 LEANVEC8X8 GLOBALSQ8 NO_COMPRESSION"),
    "graph_max_degree": _POSITIVE,
    "construction_window_size": _POSITIVE,
    "search_window_size": _POSITIVE,
}

_OPTIONS: Final[Mapping[str, Choice | Range]] = {
    "language": _LANGUAGES,
    "score": Range(0, 1),
    "temporary": _POSITIVE,
}


def refused_field(field: Field, attribute: str | None = None) -> str | None:
    """Say why FT.CREATE would refuse a field; None if it would take it.

    Args:
        field: the field as it shall be.
        attribute: look only at this attribute and at what does not go with it; None for all of them.
    """
    algorithm = str(field.attrs["algorithm"]) if field.is_vector and "algorithm" in field.attrs else None
    for key in (attribute,) if attribute is not None else field.attrs:
        if find_attribute(field.type, key) is None:
            return f"a {field.type} field has no attribute {key!r}; it has {_keys(field, None)}"
        if algorithm is not None and find_attribute(field.type, key) not in attributes_of(field.type, algorithm):
            return f"{algorithm.upper()} has no attribute {key!r}; it has {_keys(field, algorithm)}"
        rule, value = _ATTRIBUTES.get(key), field.attrs.get(key)
        if rule is not None and value is not None and not rule.accepts(value):
            return f"{key} has to be {rule}, not {value!r}"
    if attribute in {None, "no_index", "index_missing"} and {"no_index", "index_missing"} <= _flags(field):
        return "no_index and index_missing exclude each other"
    return None


def refused_option(option: str, value: object) -> str | None:
    """Say why FT.CREATE would refuse an option of the whole index; None if it would take it."""
    rule = _OPTIONS.get(option)
    if rule is not None and isinstance(value, str | int | float) and not rule.accepts(value):
        return f"{option} has to be {rule}, not {value!r}"
    # search 8.2; older versions take both
    if option == "options" and isinstance(value, tuple | list) and {"MAXTEXTFIELDS", "NOFIELDS"} <= set(value):
        return "MAXTEXTFIELDS and NOFIELDS exclude each other"
    return None


def _keys(field: Field, algorithm: str | None) -> str:
    return ", ".join(attribute.key for attribute in attributes_of(field.type, algorithm))


def _flags(field: Field) -> set[str]:
    return {key for key, value in field.attrs.items() if value is True}
