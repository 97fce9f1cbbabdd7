"""Lists the differences between an expected and an actual definition, as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fieldfare.definition.attribute import Attribute, AttributeValue, attributes_of
from fieldfare.definition.canonical import canonical, comparable_option, default_of
from fieldfare.definition.create import creation_order
from fieldfare.definition.model import UNKNOWN_SECONDS

if TYPE_CHECKING:
    from fieldfare.definition.model import Field, IndexDefinition, Storage

__all__ = ["find_mismatches"]

_OPTIONS: Final = (
    "name",
    "storage",
    "prefixes",
    "filter",
    "language",
    "language_field",
    "score",
    "score_field",
    "payload_field",
    "stopwords",
    "options",
    "index_all",
)


def find_mismatches(
    expected: IndexDefinition, actual: IndexDefinition, *, is_complete: bool = False
) -> tuple[str, ...]:
    """Return one line per difference between two definitions; none if they mean the same index.

    Definitions are compared in their canonical form. Options that FT.INFO does not report (PHONETIC, EF_RUNTIME,
    TEMPORARY, …) count only if both definitions have them.

    Args:
        expected: the definition that should be.
        actual: the one that is.
        is_complete: whether ``expected`` has to name every such option of ``actual``: one that it does not know of
            would be lost.
    """
    expected, actual = canonical(expected), canonical(actual)
    lines = [
        _line(option.replace("_", " "), getattr(expected, option), getattr(actual, option))
        for option in _OPTIONS
        if comparable_option(expected, option) != comparable_option(actual, option)
    ]
    is_unknown = actual.temporary == UNKNOWN_SECONDS
    known = actual.temporary is not None and (is_complete or expected.temporary is not None)
    if known and expected.temporary != actual.temporary and not (expected.temporary and is_unknown):
        found = "yes" if is_unknown else actual.temporary
        lines.append(f"temporary: expected {_show(expected.temporary)}, found {found}")
    for field in expected.fields:
        lines += _field_lines(field, actual.find(field.name), expected.storage, is_complete=is_complete)
    lines += [f"field {field.name!r}: not expected" for field in actual.fields if expected.find(field.name) is None]
    return (*lines, *_order_lines(expected.fields, actual.fields))


def _field_lines(expected: Field, actual: Field | None, storage: Storage, *, is_complete: bool) -> list[str]:
    where = f"field {expected.name!r}"
    if actual is None:
        return [f"{where}: missing"]
    if expected.type is not actual.type:
        return [_line(f"{where}: type", expected.type, actual.type)]
    lines = [] if expected.path == actual.path else [_line(f"{where}: path", expected.path, actual.path)]
    for attribute in _comparable_attributes(expected, actual, is_complete=is_complete):
        expected_value, actual_value = (_value(field, attribute, storage) for field in (expected, actual))
        if expected_value != actual_value:
            lines.append(_line(f"{where}: {attribute.key}", expected_value, actual_value))
    return lines


def _comparable_attributes(expected: Field, actual: Field, *, is_complete: bool) -> list[Attribute]:
    attributes = [
        each
        for each in attributes_of(expected.type)
        if each.info is not None or (each.key in actual.attrs and (is_complete or each.key in expected.attrs))
    ]
    compressions = [field.attrs.get("compression") for field in (expected, actual)]
    if "GlobalSQ8" in compressions and None not in compressions:  # reported for every compression
        return [each for each in attributes if each.key not in {"compression", "reduce"}]
    return attributes


def _value(field: Field, attribute: Attribute, storage: Storage) -> AttributeValue | None:
    return field.attrs.get(attribute.key, None if field.is_vector else default_of(attribute, storage))


def _order_lines(expected: tuple[Field, ...], actual: tuple[Field, ...]) -> list[str]:
    expected_names, actual_names = (tuple(field.name for field in _ordered(each)) for each in (expected, actual))
    if sorted(expected_names) != sorted(actual_names) or expected_names == actual_names:
        return []
    return [_line("order of fields", expected_names, actual_names)]


def _ordered(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    try:
        return creation_order(fields)
    except ValueError:  # FT.ALTER made an index that FT.CREATE cannot
        return fields


def _line(what: str, expected: object, actual: object) -> str:
    return f"{what}: expected {_show(expected)}, found {_show(actual)}"


def _show(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(map(repr, value)) or "none at all"
    return repr(str(value)) if isinstance(value, str) else str(value)
