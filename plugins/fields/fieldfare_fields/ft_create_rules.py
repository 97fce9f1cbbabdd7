"""Combinations and values that FT.CREATE refuses, found while planning instead of after the index is dropped.

Observed on search 2.10.5 and, where noted, 8.2; see https://redis.io/docs/latest/commands/ft.create/ .
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fieldfare.changes import UpdateOption
    from fieldfare.definition import Field

__all__ = ["invalid_field_reason", "invalid_option_reason"]

LARGEST_M: Final = 32767
"""A larger M is not refused: it crashes the server (search 2.10.5)."""

LANGUAGES: Final = frozenset(
    """
    arabic armenian basque catalan chinese danish dutch english finnish french german greek hindi hungarian
    indonesian irish italian lithuanian nepali norwegian portuguese romanian russian serbian spanish swedish tamil
    turkish yiddish
    """.split()  # noqa: SIM905 - a word a line would fill the page
)


def invalid_field_reason(field: Field) -> str | None:
    """Return why FT.CREATE refuses a field; None if it accepts it."""
    if int(field.attrs.get("m", 0)) > LARGEST_M:
        return f"M can be {LARGEST_M} at most, not {field.attrs['m']}"
    if field.attrs.get("no_index") and field.attrs.get("index_missing"):
        return "NOINDEX and INDEXMISSING exclude each other"
    return None


def invalid_option_reason(change: UpdateOption) -> str | None:
    """Return why FT.CREATE refuses an option of the index; None if it accepts it."""
    match change.option, change.new:
        case "language", str(language) if language.lower() not in LANGUAGES:
            return f"Redis knows no language {language!r}; it knows {', '.join(sorted(LANGUAGES))}"
        # search 8.2; older versions accept both
        case "options", [*options] if {"MAXTEXTFIELDS", "NOFIELDS"} <= set(options):
            return "MAXTEXTFIELDS and NOFIELDS exclude each other"
        case _:
            return None
