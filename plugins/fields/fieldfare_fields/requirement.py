"""What a server needs for an attribute, a field type or an option.

Sources: https://redis.io/docs/latest/commands/ft.create/ and the release notes of search 2.8, 2.10 and 8.x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.definition import Algorithm, Field, FieldType
from fieldfare.server.capabilities import SVS_VERSION, Capabilities, Version, show

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["lacking_for_field", "lacking_for_option"]

_ATTRIBUTES: Final[Mapping[str, tuple[str, Version]]] = {
    "index_empty": ("INDEXEMPTY", (2, 10, 0)),
    "index_missing": ("INDEXMISSING", (2, 10, 0)),
}
_OPTIONS: Final[Mapping[str, tuple[str, Version]]] = {"index_all": ("INDEXALL", (8, 0, 0))}
_TYPES: Final[Mapping[FieldType, Version]] = {FieldType.GEOSHAPE: (2, 8, 0)}


def lacking_for_field(field: Field, server: Capabilities) -> str | None:
    """Say what a server lacks to index this field; None if it can."""
    return next((_lack(what, needs, server) for what, needs in _needs(field) if server.search_version < needs), None)


def lacking_for_option(option: str, server: Capabilities) -> str | None:
    """Say what a server lacks for this option of the whole index; None if it knows it."""
    what, needs = _OPTIONS.get(option, ("", (0, 0, 0)))
    return _lack(what, needs, server) if server.search_version < needs else None


def _needs(field: Field) -> Iterator[tuple[str, Version]]:
    if field.type in _TYPES:
        yield field.type.upper(), _TYPES[field.type]
    if str(field.attrs.get("algorithm", "")).upper() == Algorithm.SVS_VAMANA:
        yield Algorithm.SVS_VAMANA, SVS_VERSION
    yield from (need for key, need in _ATTRIBUTES.items() if field.attrs.get(key))


def _lack(what: str, needs: Version, server: Capabilities) -> str:
    return f"this server has search {show(server.search_version)}, and {what} needs search {show(needs)} or newer"
