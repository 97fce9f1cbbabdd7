"""Reads target schema files: the whole schema after the migration, in RedisVL's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from attrs import evolve

from fieldfare.definition import Algorithm, AttributeValue, Field, FieldType, IndexDefinition, Storage
from fieldfare.definition.renamed_fields import find_renamed_fields
from fieldfare.definition.schema import SchemaError, from_schema
from fieldfare.support.yamlfile import load_yaml

__all__ = ["load_target_schema", "with_unnamed_values"]

REDISVL_SEPARATOR: Final = ","
"""What RedisVL sends for a TAG field whose schema names no separator, also where documents are JSON."""

REDISVL_SVS_DEFAULTS: Final[dict[str, AttributeValue]] = {
    "graph_max_degree": 40,
    "construction_window_size": 250,
    "search_window_size": 20,
}
"""What RedisVL sends for an SVS-VAMANA field whose schema names none of them; the server's own are lower."""


def load_target_schema(path: str | Path) -> tuple[IndexDefinition, dict[str, Any]]:
    """Read the file.

    Returns:
        The definition, without prefixes if the file names none, and the content of the file.

    Raises:
        FileError: it cannot be used; all problems at once, with line numbers.
    """
    document = load_yaml(path)
    try:
        return from_schema(document.data, prefix_required=False), document.data
    except SchemaError as error:
        raise document.error(error.problems) from error


def with_unnamed_values(target: IndexDefinition, source: IndexDefinition) -> IndexDefinition:
    """Return a target schema with what its file does not name.

    Where RedisVL's default is not the server's, a file that names no value means two things: RedisVL sends its own
    default, and an index of another origin has the server's. So what is there keeps what it has, and a new field gets
    RedisVL's: an unchanged schema asks for nothing.
    """
    old_names = {new: old for old, new in find_renamed_fields(source, target).items()}
    fields = tuple(
        _with_unnamed_values(field, source.find(old_names.get(field.name, field.name)), target.storage)
        for field in target.fields
    )
    return evolve(target, prefixes=target.prefixes or source.prefixes, fields=fields)


def _with_unnamed_values(field: Field, old: Field | None, storage: Storage) -> Field:
    algorithm = field.attrs.get("algorithm")
    stays = old is not None and old.type is field.type and old.attrs.get("algorithm") == algorithm
    defaults: dict[str, AttributeValue] = REDISVL_SVS_DEFAULTS if algorithm == Algorithm.SVS_VAMANA else {}
    if field.type is FieldType.TAG and storage is Storage.JSON:
        defaults = {"separator": REDISVL_SEPARATOR}
    kept = old.attrs if old is not None and stays else defaults
    unnamed = {key: kept[key] for key in defaults if key in kept and key not in field.attrs}
    attrs = {**field.attrs, **unnamed}
    if stays:
        attrs.pop("initial_cap", None)  # no command tells it of a live index, and no answer depends on it
    return evolve(field, attrs=attrs)
