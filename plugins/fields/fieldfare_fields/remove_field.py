"""Removing a field from the index."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fieldfare.changes.renaming import OPTIONS
from fieldfare.plan import Claim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.changes import RemoveField
    from fieldfare.definition import Field, IndexDefinition
    from fieldfare.hooks.live_index import LiveIndex

__all__ = ["claim_remove_field"]


def claim_remove_field(change: RemoveField, live: LiveIndex) -> Claim | None:
    """Claim the removal of a field; documents keep the value. None if there is no such field."""
    field = live.definition.find(change.name)
    if field is None:
        return None
    if len(live.definition.fields) == 1:
        return Claim.blocked(
            f"{change.name!r} is the last field, and an index needs at least one",
            workaround="first add another field, in a separate migration",
        )
    return Claim.supported(
        warnings=[_warning(field, option, value) for option, value in _field_references(field, live.definition)]
    )


def _field_references(field: Field, definition: IndexDefinition) -> Iterator[tuple[str, str]]:
    """Yield the options of the index that read a field, as FT.CREATE spells them: (option, value)."""
    if definition.filter is not None and re.search(rf"@{re.escape(field.name)}(?!\w)", definition.filter):
        yield "FILTER", definition.filter
    for option in OPTIONS:
        value = getattr(definition, option)
        if value is not None and value in {field.name, field.path}:
            yield option.upper(), value


def _warning(field: Field, option: str, value: str) -> str:
    line = f"{option} {value} reads {field.name!r}, which is no longer indexed"
    # Without the field, Redis looks the name up in the document; observed on search 2.10.5.
    if field.name == field.path:
        return f"{line}: Redis keeps reading it from the document"
    return f"{line}: Redis will look for {field.name!r} in the document, where the value is at {field.path!r}"
