"""Reads target schema files: the whole schema after the migration, in RedisVL's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from attrs import evolve

from fieldfare.definition import AttributeValue, Field, FieldType, IndexDefinition, Storage
from fieldfare.definition.schema import SchemaError, from_schema
from fieldfare.support.yamlfile import load_yaml

__all__ = ["load_target_schema", "with_separators"]

REDISVL_SEPARATOR: Final = ","
"""What RedisVL sends for a TAG field whose schema names no separator, also where documents are JSON."""


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


def with_separators(target: IndexDefinition, source: IndexDefinition) -> IndexDefinition:
    """Return a target schema in which the TAG fields of JSON documents have separators.

    A schema that names none means two things: RedisVL sends ``,``, and an index of another origin has none. So a field
    that is there already keeps what it has, and a new one gets RedisVL's: an unchanged schema asks for nothing.
    """
    if target.storage is not Storage.JSON:
        return target
    return evolve(target, fields=tuple(_with_separator(field, source.find(field.name)) for field in target.fields))


def _with_separator(field: Field, old: Field | None) -> Field:
    if field.type is not FieldType.TAG or "separator" in field.attrs:
        return field
    separator: AttributeValue | None = REDISVL_SEPARATOR
    if old is not None and old.type is FieldType.TAG:
        separator = old.attrs.get("separator")
    return evolve(field, attrs={**field.attrs, "separator": separator}) if separator else field
