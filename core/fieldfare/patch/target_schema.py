"""Reads target schema files: the whole schema after the migration, in RedisVL's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fieldfare.definition import IndexDefinition
from fieldfare.definition.schema import SchemaError, from_schema
from fieldfare.support.yamlfile import load_yaml

__all__ = ["load_target_schema"]


def load_target_schema(path: str | Path) -> tuple[IndexDefinition, dict[str, Any]]:
    """Read the file.

    Returns:
        The definition, and the content of the file.

    Raises:
        FileError: it cannot be used; all problems at once, with line numbers.
    """
    document = load_yaml(path)
    try:
        return from_schema(document.data), document.data
    except SchemaError as error:
        raise document.error(error.problems) from error
