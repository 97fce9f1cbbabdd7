"""Definition → FT.CREATE, and fields → FT.ALTER.

Sources: https://redis.io/docs/latest/commands/ft.create/, https://redis.io/docs/latest/commands/ft.alter/, and tests
with search 2.10.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from fieldfare.definition.attribute import Attribute, AttributeValue, FieldType, Form, attributes_of
from fieldfare.definition.canonical import canonical, canonical_field
from fieldfare.definition.reply import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fieldfare.definition.model import Field, IndexDefinition, Storage

__all__ = ["alter_arguments", "create_arguments", "creation_order"]


def create_arguments(definition: IndexDefinition, *, scan: bool = True) -> list[bytes]:
    """Return the FT.CREATE command for a definition, ``FT.CREATE`` first.

    Fields are in :func:`creation_order`.

    Args:
        definition: the definition of the index.
        scan: whether documents that are there already are indexed.

    Raises:
        ValueError: FT.CREATE cannot express these fields in any order.
    """
    definition = canonical(definition)
    words = ["FT.CREATE", definition.name, "ON", definition.storage.upper()]
    words += ["PREFIX", str(len(definition.prefixes)), *definition.prefixes]
    for token, value in (
        ("FILTER", definition.filter),
        ("LANGUAGE", definition.language),
        ("LANGUAGE_FIELD", definition.language_field),
        ("SCORE", _number(definition.score) if definition.score != 1 else None),
        ("SCORE_FIELD", definition.score_field),
        ("PAYLOAD_FIELD", definition.payload_field),
        ("TEMPORARY", None if definition.temporary is None else str(definition.temporary)),
        ("INDEXALL", "ENABLE" if definition.index_all else None),
    ):
        if value is not None:
            words += [token, value]
    words += definition.options
    if definition.stopwords is not None:
        words += ["STOPWORDS", str(len(definition.stopwords)), *definition.stopwords]
    words += [*([] if scan else ["SKIPINITIALSCAN"]), "SCHEMA"]
    for field in creation_order(definition.fields):
        words += _field(field)
    return [encode(word) for word in words]


def alter_arguments(index: str, field: Field, storage: Storage, *, scan: bool) -> list[bytes]:
    """Return the FT.ALTER command that adds a field to an index, ``FT.ALTER`` first.

    Args:
        index: its name.
        field: the field.
        storage: the storage of the index.
        scan: whether its documents are scanned again, so that they are found by the new field.
    """
    words = ["FT.ALTER", index, *([] if scan else ["SKIPINITIALSCAN"]), "SCHEMA", "ADD"]
    return [encode(word) for word in (*words, *_field(canonical_field(field, storage)))]


def creation_order(fields: Sequence[Field]) -> tuple[Field, ...]:
    """Return fields in the order closest to the given one that FT.CREATE can express.

    FT.CREATE has no quotes: in ``title TEXT weight NUMERIC`` it parses ``weight`` as an option of ``title``. Such
    indexes exist, because FT.ALTER adds fields one by one. So a field whose path is also an option of the field before
    it moves towards the front, at most to the first place.

    Raises:
        ValueError: two fields would both have to be the first.
    """
    order: list[Field] = []
    for field in fields:
        place = next((at for at in range(len(order), -1, -1) if _fits(field, order[:at], order[at:])), None)
        if place is None:
            raise ValueError(
                f"FT.CREATE parses the path {field.path!r} of field {field.name!r} as an option of the field before "
                "it, in every order of the fields. Give another field SORTABLE or NOINDEX, or rename it."
            )
        order.insert(place, field)
    return tuple(order)


def _fits(field: Field, before: Sequence[Field], after: Sequence[Field]) -> bool:
    around = [*before[-1:], field, *after[:1]]
    return not any(second.path.upper() in _open_options(first) for first, second in pairwise(around))


def _open_options(field: Field) -> set[str]:
    """Return the words that the server would parse as options of this field if they followed it."""
    if field.is_vector:
        return {"INDEXMISSING"}
    if field.attrs.get("no_index"):
        return {"SORTABLE", "NOINDEX"}
    if field.attrs.get("sortable"):
        return {"SORTABLE", "NOINDEX", "UNF"}
    return {each.token for each in attributes_of(field.type) if each.token} - {"UNF"}


def _field(field: Field) -> list[str]:
    words = [field.path] if field.name == field.path else [field.path, "AS", field.name]
    words.append(field.type.upper())
    attrs = dict(field.attrs)
    if field.is_vector:
        return [*words, *_vector(attrs), *(["INDEXMISSING"] if attrs.get("index_missing") else [])]
    if field.type is FieldType.GEOSHAPE:
        attrs.setdefault("coord_system", "SPHERICAL")  # or a next field called "flat" would be parsed as this
    for attribute in attributes_of(field.type):
        if attribute.key in attrs:
            words += _option(attribute, attrs[attribute.key])
    return words


def _vector(attrs: dict[str, AttributeValue]) -> list[str]:
    algorithm = str(attrs["algorithm"])
    words: list[str] = []
    for attribute in attributes_of(FieldType.VECTOR, algorithm):
        if attribute.key in attrs and attribute.form not in {Form.FLAG, Form.ALGORITHM}:
            words += _option(attribute, attrs[attribute.key])
    return [algorithm, str(len(words)), *words]


def _option(attribute: Attribute, value: AttributeValue) -> list[str]:
    if attribute.form is Form.FLAG:
        return [attribute.token]
    if attribute.form is Form.KEYWORD:
        return [str(value)]
    return [attribute.token, _spelled(attribute.key, value)]


def _spelled(key: str, value: AttributeValue) -> str:
    if not isinstance(value, str):
        return _number(value)
    if key in {"datatype", "distance_metric"}:
        return value.upper()
    # Servers without Intel's library report GlobalSQ8 for every compression; no server accepts it.
    return "LVQ8" if value == "GlobalSQ8" else value


def _number(value: float) -> str:
    """Return a number as text that is read as the same number: ``2``, ``0.1``, ``1e-09``."""
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(float(value))
