"""Options of an index that read one of its fields."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fieldfare.definition import Field, IndexDefinition

__all__ = ["field_references"]


def field_references(field: Field, definition: IndexDefinition) -> Iterator[tuple[str, str]]:
    """Yield the options that read a field, as FT.CREATE spells them: (option, value)."""
    if definition.filter is not None and re.search(rf"@{re.escape(field.name)}(?!\w)", definition.filter):
        yield "FILTER", definition.filter
    for option, value in (
        ("LANGUAGE_FIELD", definition.language_field),
        ("SCORE_FIELD", definition.score_field),
        ("PAYLOAD_FIELD", definition.payload_field),
    ):
        if value is not None and value in {field.name, field.path}:
            yield option, value
