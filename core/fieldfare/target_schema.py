"""The user's target schema file: the whole schema as it shall be, as RedisVL writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fieldfare.definition import IndexDefinition
from fieldfare.definition.schema import SchemaError, from_schema
from fieldfare.yamlfile import load_yaml

__all__ = ["load_target_schema"]


def load_target_schema(path: str | Path) -> tuple[IndexDefinition, dict[str, Any]]:
    """Read the file.

    Returns:
        The definition that it spells, and what it holds.

    Raises:
        FileError: it cannot be used; all problems at once, with line numbers.
    """
    document = load_yaml(path)
    try:
        return from_schema(document.data), document.data
    except SchemaError as error:
        raise document.error(error.problems) from error
