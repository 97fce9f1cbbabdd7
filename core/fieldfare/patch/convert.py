"""The sections of a patch ↔ plain values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Final, TypeAlias

from attrs import evolve
from cattrs import Converter

from fieldfare.definition import ATTRIBUTES, AttributeValue, FieldType, Storage
from fieldfare.definition.attribute_value import parse_attribute_value, parse_choice
from fieldfare.definition.schema import SchemaError, field_from_dict, from_schema
from fieldfare.patch.model import (
    SETTINGS,
    CustomRequest,
    FieldRename,
    FieldUpdate,
    IndexUpdate,
    NewField,
    SchemaPatch,
    Sections,
)
from fieldfare.support.structure import StructureError, make_converter, require, structure
from fieldfare.support.suggestion import suggestion
from fieldfare.support.yamlfile import Problem

__all__ = ["from_plain", "to_plain"]

Attributes: TypeAlias = Mapping[str, AttributeValue | None]

INDEX_KEYS: Final = ("name", "prefix", "prefixes", "storage_type", *SETTINGS)


def to_plain(patch: SchemaPatch) -> dict[str, Any]:
    """Return the sections of a patch that are not empty, as plain values."""
    plain: dict[str, Any] = _converter().unstructure(patch, Sections)
    return {name: section for name, section in plain.items() if section}


def from_plain(value: object) -> Sections:
    """Read the sections of a patch from plain values. A section may be empty.

    Raises:
        StructureError: they are not the sections of a patch; with all problems.
    """
    return structure(_converter(), {} if value is None else _without_none(value), Sections)


@cache
def _converter() -> Converter:
    basic = make_converter(sparse={IndexUpdate})
    basic.register_structure_hook(FieldType, lambda value, _: FieldType(_choice(value, FieldType)))
    basic.register_structure_hook(Storage, lambda value, _: Storage(_choice(value, Storage)))
    basic.register_structure_hook_func(lambda kind: kind == Attributes, lambda value, _: _attributes(value))

    converter = make_converter(sparse={Sections, NewField, FieldUpdate, FieldRename})
    for each in (basic, converter):
        each.register_structure_hook(str, lambda value, _: _text(value))
    converter.register_structure_hook(NewField, lambda value, _: _new_field(value))
    converter.register_structure_hook(FieldUpdate, lambda value, _: _field_update(basic, value))
    converter.register_structure_hook(IndexUpdate, lambda value, _: _index_update(basic, value))
    converter.register_unstructure_hook(IndexUpdate, lambda update: _index_to_plain(basic, update))
    converter.register_structure_hook(CustomRequest, lambda value, _: _custom_request(value))
    converter.register_unstructure_hook(CustomRequest, lambda request: {"kind": request.kind, **request.params})
    return converter


def _without_none(value: object) -> object:
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value


def _text(value: object) -> str:
    require(value, str)
    if "\0" in str(value):
        raise ValueError("must not hold a NUL character: the server cuts text off there")
    return str(value)


def _choice(value: object, choices: type[StrEnum]) -> str:
    require(value, str)
    return parse_choice(str(value), tuple(choices))


def _new_field(value: Any) -> NewField:
    require(value, dict)
    path = value.get("path")
    # The storage is only known with the index. A path that does not start with $ can only be a field of a hash.
    storage = Storage.HASH if isinstance(path, str) and not path.startswith("$") else Storage.JSON
    field = field_from_dict(value, storage)
    return NewField(field.name, field.type, path, value.get("attrs") or {})


def _field_update(basic: Converter, value: Any) -> FieldUpdate:
    require(value, dict)
    value = _without_none(value)
    if value.get("options") == {}:  # RedisVL writes it beside 'attrs'
        value = {key: item for key, item in value.items() if key != "options"}
    if "options" not in value:
        return structure(basic, value, FieldUpdate)
    # RedisVL's other name for "attrs"
    if "attrs" in value:
        raise StructureError([(("options",), "is another name for 'attrs', which is there too; keep one of them")])
    try:
        return structure(
            basic, {"attrs" if key == "options" else key: item for key, item in value.items()}, FieldUpdate
        )
    except StructureError as error:
        raise StructureError(
            [(("options", *at[1:]) if at[:1] == ("attrs",) else at, message) for at, message in error.problems]
        ) from error


def _attributes(value: Any) -> dict[str, AttributeValue | None]:
    """Check the attributes of a field whose type is not known without the index."""
    require(value, dict)
    problems: list[Problem] = []
    for key, item in value.items():
        attribute = next((each for each in ATTRIBUTES if each.key == key), None)
        if attribute is None:
            hint = suggestion(key, [each.key for each in ATTRIBUTES])
            problems.append(((key,), f"no field has such an attribute{hint}"))
        elif item is not None:
            try:
                parse_attribute_value(attribute, item)
            except ValueError as error:
                problems.append(((key,), str(error)))
    if problems:
        raise StructureError(problems)
    return dict(value)


def _index_update(basic: Converter, value: Any) -> IndexUpdate:
    require(value, dict)
    plain = {key: item for key, item in value.items() if key not in SETTINGS}
    settings = {key: item for key, item in value.items() if key in SETTINGS}
    problems: list[Problem] = [
        ((key,), "unknown key" + (suggestion(key, INDEX_KEYS) or f"; known are {', '.join(INDEX_KEYS)}"))
        for key in plain
        if key not in INDEX_KEYS
    ]
    if plain.get("prefix") is not None and plain.get("prefixes"):
        problems.append((("prefixes",), "is for an index with several prefixes; keep this or 'prefix'"))
    if plain.get("name") == "":
        problems.append((("name",), "must not be empty"))
    update = IndexUpdate()
    try:
        known = {key: item for key, item in plain.items() if key in INDEX_KEYS}
        update = structure(basic, _without_none(known), IndexUpdate)
    except StructureError as error:
        problems += error.problems
    try:
        from_schema({"index": {"name": "any", "prefix": "any", **settings}, "fields": []})
    except SchemaError as error:
        problems += ((at[1:], message) for at, message in error.problems if at[:1] == ("index",) and at[1:])
    if problems:
        raise StructureError(problems)
    return evolve(update, settings=settings)


def _index_to_plain(basic: Converter, update: IndexUpdate) -> dict[str, Any]:
    plain: dict[str, Any] = basic.unstructure(evolve(update, settings={}))
    return {**plain, **update.settings}


def _custom_request(value: Any) -> CustomRequest:
    require(value, dict)
    kind = value.get("kind")
    if not isinstance(kind, str) or not kind:
        raise StructureError([((), "the key 'kind' is missing; it names the change, as vendor.action")])
    return CustomRequest(kind, {key: item for key, item in value.items() if key != "kind"})
