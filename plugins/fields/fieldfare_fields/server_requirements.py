"""Search versions that an attribute, a field type or an option needs.

Sources: https://redis.io/docs/latest/commands/ft.create/ and the release notes of search 2.8, 2.10 and 8.x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.definition import Algorithm, Field, FieldType
from fieldfare.server.capabilities import SVS_VERSION, Capabilities, Version, format_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["unsupported_field_reason", "unsupported_option_reason"]

_ATTRIBUTES: Final[Mapping[str, tuple[str, Version]]] = {
    "index_empty": ("INDEXEMPTY", (2, 10, 0)),
    "index_missing": ("INDEXMISSING", (2, 10, 0)),
}
_OPTIONS: Final[Mapping[str, tuple[str, Version]]] = {"index_all": ("INDEXALL", (8, 0, 0))}
_TYPES: Final[Mapping[FieldType, Version]] = {FieldType.GEOSHAPE: (2, 8, 0)}


def unsupported_field_reason(field: Field, server: Capabilities) -> str | None:
    """Return why the server cannot index this field; None if it can."""
    return _unsupported_reason(_requirements(field), server)


def unsupported_option_reason(option: str, server: Capabilities) -> str | None:
    """Return why the server does not support this option of the index; None if it does."""
    return _unsupported_reason([_OPTIONS[option]] if option in _OPTIONS else [], server)


def _requirements(field: Field) -> Iterator[tuple[str, Version]]:
    if field.type in _TYPES:
        yield field.type.upper(), _TYPES[field.type]
    if str(field.attrs.get("algorithm", "")).upper() == Algorithm.SVS_VAMANA:
        yield Algorithm.SVS_VAMANA, SVS_VERSION
    yield from (need for key, need in _ATTRIBUTES.items() if field.attrs.get(key))


def _unsupported_reason(requirements: Iterable[tuple[str, Version]], server: Capabilities) -> str | None:
    actual = server.search_version
    for what, needed in requirements:
        if actual < needed:
            return (
                f"this server has search {format_version(actual)}, and {what} needs search {format_version(needed)} "
                "or newer"
            )
    return None
