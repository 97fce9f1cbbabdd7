"""What FT.CREATE refuses, found while planning instead of after the index is dropped.

Combinations and values: observed on search 2.10.5 and, where noted, 8.2. Versions: from the release notes of search
2.8, 2.10 and 8.x. See also https://redis.io/docs/latest/commands/ft.create/ .
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.definition import Algorithm, Field, FieldType
from fieldfare.plan import Claim
from fieldfare.server.capabilities import SVS_VERSION, Capabilities, Version, format_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fieldfare.changes import UpdateOption
    from fieldfare.definition import IndexDefinition

__all__ = ["refused_field", "refused_number_of_fields", "refused_option"]

MOST_FIELDS: Final = 1024
"""Search 2.10.5 and its source up to 8.2."""

MOST_TEXT_FIELDS: Final = 128
"""Of TEXT fields without NOINDEX, with and without MAXTEXTFIELDS; search 2.10.5 and its source up to 8.2."""

LARGEST_M: Final = 32767
"""A larger M is not refused: it crashes the server (search 2.10.5)."""

LANGUAGES: Final = frozenset(
    """
    arabic armenian basque catalan chinese danish dutch english finnish french german greek hindi hungarian
    indonesian irish italian lithuanian nepali norwegian portuguese romanian russian serbian spanish swedish tamil
    turkish yiddish
    """.split()  # noqa: SIM905 - a word a line would fill the page
)

_ATTRIBUTES: Final[Mapping[str, tuple[str, Version]]] = {
    "index_empty": ("INDEXEMPTY", (2, 10, 0)),
    "index_missing": ("INDEXMISSING", (2, 10, 0)),
}
_OPTIONS: Final[Mapping[str, tuple[str, Version]]] = {"index_all": ("INDEXALL", (8, 0, 0))}
_TYPES: Final[Mapping[FieldType, Version]] = {FieldType.GEOSHAPE: (2, 8, 0)}


def refused_field(field: Field, server: Capabilities, *, workaround: str) -> Claim | None:
    """Return why FT.CREATE refuses a field, as a blocked claim; None if it accepts it.

    Args:
        field: the field.
        server: on which the index is created.
        workaround: for a field that every server refuses.
    """
    if int(field.attrs.get("m", 0)) > LARGEST_M:
        return Claim.blocked(f"M can be {LARGEST_M} at most, not {field.attrs['m']}", workaround=workaround)
    if field.attrs.get("no_index") and field.attrs.get("index_missing"):
        return Claim.blocked("NOINDEX and INDEXMISSING exclude each other", workaround=workaround)
    return _unsupported(_requirements(field), server)


def refused_number_of_fields(definition: IndexDefinition) -> Claim | None:
    """Return why FT.CREATE refuses that many fields, as a blocked claim; None if it accepts them."""
    indexed = [each for each in definition.fields if each.type is FieldType.TEXT and not each.attrs.get("no_index")]
    if len(definition.fields) > MOST_FIELDS:
        return Claim.blocked(
            f"an index has {MOST_FIELDS:,} fields at most, and this would have {len(definition.fields):,}",
            workaround="remove fields that no query needs, or spread the fields over two indexes",
        )
    if len(indexed) > MOST_TEXT_FIELDS:
        return Claim.blocked(
            f"an index has {MOST_TEXT_FIELDS} indexed TEXT fields at most, with MAXTEXTFIELDS, too, and this would "
            f"have {len(indexed)}",
            workaround="remove TEXT fields that no query needs or give them no_index, in a separate migration; or "
            "make the new ones TAG fields",
        )
    return None


def refused_option(change: UpdateOption, server: Capabilities) -> Claim | None:
    """Return why FT.CREATE refuses an option of the index, as a blocked claim; None if it accepts it."""
    workaround = "correct the option in the patch"
    match change.option, change.new:
        case "language", str(language) if language.lower() not in LANGUAGES:
            known = ", ".join(sorted(LANGUAGES))
            return Claim.blocked(f"Redis knows no language {language!r}; it knows {known}", workaround=workaround)
        # search 8.2; older versions accept both
        case "options", [*options] if {"MAXTEXTFIELDS", "NOFIELDS"} <= set(options):
            return Claim.blocked("MAXTEXTFIELDS and NOFIELDS exclude each other", workaround=workaround)
        case option, new if new and option in _OPTIONS:
            return _unsupported([_OPTIONS[option]], server)
        case _:
            return None


def _requirements(field: Field) -> Iterator[tuple[str, Version]]:
    """Yield what the field needs: a type, an algorithm or an attribute, and the search version."""
    if field.type in _TYPES:
        yield field.type.upper(), _TYPES[field.type]
    if str(field.attrs.get("algorithm", "")).upper() == Algorithm.SVS_VAMANA:
        yield Algorithm.SVS_VAMANA, SVS_VERSION
    yield from (need for key, need in _ATTRIBUTES.items() if field.attrs.get(key))


def _unsupported(requirements: Iterable[tuple[str, Version]], server: Capabilities) -> Claim | None:
    for what, needed in requirements:
        if not server.has_search(needed):
            return Claim.blocked(
                f"this server has {server.search_name}, and {what} needs search {format_version(needed)} or newer",
                workaround="update the server, or leave that out of the patch",
            )
    return None
