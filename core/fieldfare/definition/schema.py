"""Definition ↔ the mapping in schema files.

The keys are those of RedisVL's schema files (https://docs.redisvl.com/en/latest/api/schema.html), and a few more for
options that these lack. A vector's ``datatype`` and ``distance_metric`` may be omitted. ``key_separator`` and
``version`` are accepted and ignored. A ``prefix`` is required, because tools differ in its default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fieldfare.definition.attribute import Algorithm, AttributeValue, FieldType, attributes_of
from fieldfare.definition.attribute_value import parse_attribute_value, parse_choice
from fieldfare.definition.canonical import OPTIONS, canonical_language, default_of
from fieldfare.definition.model import UNKNOWN_SECONDS, Field, IndexDefinition, Storage
from fieldfare.support.structure import StructureError, require
from fieldfare.support.suggestion import suggestion

if TYPE_CHECKING:
    from fieldfare.support.yamlfile import Location, Problem

__all__ = ["SchemaError", "field_from_dict", "field_to_dict", "from_schema", "to_schema"]

T = TypeVar("T")

_OPTIONAL: Final = ("filter", "language", "language_field", "score_field", "payload_field", "temporary")
_INDEX_KEYS: Final = (
    "name",
    "prefix",
    "key_separator",
    "storage_type",
    "stopwords",
    *_OPTIONAL,
    "score",
    "options",
    "index_all",
)
_REQUIRED: Final = ("algorithm", "dims", "datatype", "distance_metric")
"""Required attributes of a vector field."""

_SCHEMA_DEFAULTS: Final[Mapping[str, AttributeValue]] = {"datatype": "float32", "distance_metric": "cosine"}
"""Defaults of required attributes in schema files."""


class SchemaError(StructureError):
    """A mapping that is not a valid schema.

    Attributes:
        problems: location in the mapping and message, for all problems.
    """


def to_schema(definition: IndexDefinition) -> dict[str, Any]:
    """Return a definition as a mapping of plain values, without options at their default."""
    prefixes = definition.prefixes
    index: dict[str, Any] = {
        "name": definition.name,
        "prefix": prefixes[0] if len(prefixes) == 1 else list(prefixes),
        "storage_type": definition.storage.value,
    }
    if definition.stopwords is not None:
        index["stopwords"] = list(definition.stopwords)
    optional = {key: getattr(definition, key) for key in _OPTIONAL}
    index |= {key: value for key, value in optional.items() if value not in {None, UNKNOWN_SECONDS}}
    if definition.score != 1:
        index["score"] = definition.score
    if definition.options:
        index["options"] = list(definition.options)
    if definition.index_all:
        index["index_all"] = True
    return {"index": index, "fields": [field_to_dict(each, definition.storage) for each in definition.fields]}


def from_schema(mapping: object, *, prefix_required: bool = True) -> IndexDefinition:
    """Read a definition from a mapping.

    Args:
        mapping: the content of the file.
        prefix_required: without one, the definition has no prefixes, and is not complete.

    Raises:
        SchemaError: it is not a valid schema; with all problems.
    """
    problems: list[Problem] = []
    top = _Section(mapping, (), ("version", "index", "fields"), problems)
    section = top.required("index", _unchecked)
    index = _Section(section, ("index",), _INDEX_KEYS, [] if section is None else problems)
    storage = index.optional(
        "storage_type", lambda value: Storage(parse_choice(_text(value), tuple(Storage))), Storage.HASH
    )
    fields = _fields(top.required("fields", _list) or (), storage, problems)
    definition = IndexDefinition(
        name=index.required("name", _text) or "",
        storage=storage,
        prefixes=(index.required("prefix", _prefixes) if prefix_required else index.optional("prefix", _prefixes, ()))
        or (),
        fields=fields,
        filter=index.optional("filter", _text, None),
        language=canonical_language(index.optional("language", _text, None)),
        language_field=index.optional("language_field", _text, None),
        score=index.optional("score", _score, 1.0),
        score_field=index.optional("score_field", _text, None),
        payload_field=index.optional("payload_field", _text, None),
        stopwords=index.optional("stopwords", _texts, None),
        options=index.optional("options", _options, ()),
        temporary=index.optional("temporary", _seconds, None),
        index_all=index.optional("index_all", _flag, default=False),
    )
    if problems:
        raise SchemaError(problems)
    return definition


def field_to_dict(field: Field, storage: Storage | None = None) -> dict[str, Any]:
    """Return a field as a mapping of plain values.

    Args:
        field: the field.
        storage: omits the path if it is the default of this storage; None never omits it.
    """
    mapping: dict[str, Any] = {"name": field.name, "type": field.type.value}
    if storage is None or field.path != _default_path(field.name, storage):
        mapping["path"] = field.path
    attrs = {each.key: field.attrs[each.key] for each in attributes_of(field.type) if each.key in field.attrs}
    if "algorithm" in attrs:
        attrs["algorithm"] = str(attrs["algorithm"]).lower()  # as RedisVL writes it
    if attrs:
        mapping["attrs"] = attrs
    return mapping


def field_from_dict(mapping: object, storage: Storage) -> Field:
    """Read a field from a mapping; scalar attributes at their default are omitted.

    Raises:
        SchemaError: it is not a valid field; with all problems, located relative to this mapping.
    """
    problems: list[Problem] = []
    field = _field(mapping, (), storage, problems)
    if field is None or problems:
        raise SchemaError(problems)
    return field


class _Section:
    """One mapping of a file; collects every problem with its location."""

    def __init__(self, value: object, at: Location, known: Sequence[str], problems: list[Problem]) -> None:
        self._at = at
        self._problems = problems
        self._values: Mapping[Any, Any] = value if isinstance(value, Mapping) else {}
        if value is not None and not isinstance(value, Mapping):
            problems.append((at, f"must be a mapping of keys to values, not {value!r:.60}"))
            self._problems = []  # do not report its keys as missing
        for key in self._values:
            if key not in known:
                hint = suggestion(str(key), known) or f"; known are {', '.join(known)}"
                problems.append(((*at, key), f"unknown key{hint}"))

    def optional(self, key: str, read: Callable[[object], T], default: T) -> T:
        """Return the value of a key; the default if it is missing, empty or invalid."""
        value = self._values.get(key)
        try:
            return default if value is None else read(value)
        except StructureError as error:
            self._problems += [((*self._at, key, *place), message) for place, message in error.problems]
        except ValueError as error:
            self._problems.append(((*self._at, key), str(error)))
        return default

    def required(self, key: str, read: Callable[[object], T]) -> T | None:
        """Return the value of a required key; None if it is missing or invalid."""
        if self._values.get(key) is None:
            self._problems.append((self._at, f"the key {key!r} is missing"))
        return self.optional(key, read, None)


def _fields(values: Sequence[object], storage: Storage, problems: list[Problem]) -> tuple[Field, ...]:
    fields: dict[str, Field] = {}
    for number, value in enumerate(values):
        field = _field(value, ("fields", number), storage, problems, _SCHEMA_DEFAULTS)
        if field is not None and field.name in fields:
            problems.append((("fields", number, "name"), f"there is another field named {field.name!r}"))
        elif field is not None:
            fields[field.name] = field
    return tuple(fields.values())


def _field(
    value: object,
    at: Location,
    storage: Storage,
    problems: list[Problem],
    defaults: Mapping[str, AttributeValue] = MappingProxyType({}),
) -> Field | None:
    section = _Section(value, at, ("name", "type", "path", "attrs"), problems)
    name = section.required("name", _text)
    kind = section.required("type", lambda word: FieldType(parse_choice(_text(word), tuple(FieldType))))
    path = section.optional("path", _text, None)
    attrs = section.optional("attrs", _unchecked, None)
    if name is None or kind is None:
        return None
    if kind is FieldType.VECTOR and isinstance(attrs, Mapping):
        attrs = {**defaults, **{key: item for key, item in attrs.items() if item is not None or key not in defaults}}
    read = _attributes(attrs, (*at, "attrs"), kind, storage, problems)
    return Field(name, kind, _default_path(name, storage) if path is None else path, read)


def _attributes(
    value: object, at: Location, kind: FieldType, storage: Storage, problems: list[Problem]
) -> dict[str, AttributeValue]:
    algorithm = value.get("algorithm") if kind is FieldType.VECTOR and isinstance(value, Mapping) else None
    every = attributes_of(kind)
    takes = attributes_of(kind, algorithm) if isinstance(algorithm, str) else every
    section = _Section(value, at, [each.key for each in every], problems)
    read: dict[str, AttributeValue] = {}
    for each in every:
        found = section.optional(each.key, partial(parse_attribute_value, each), None)
        if found is None:
            continue
        read[each.key] = found
        if each not in takes:
            problems.append(((*at, each.key), f"{algorithm} has no such attribute; {_joined(each.algorithms)} has"))
    if kind is FieldType.VECTOR:
        for key in _REQUIRED:
            section.required(key, _unchecked)
        return {key: found for key, found in read.items() if found is not False}
    defaults = {each.key: default_of(each, storage) for each in every}
    return {key: found for key, found in read.items() if found != defaults[key]}


def _default_path(name: str, storage: Storage) -> str:
    return name if storage is Storage.HASH else f"$.{name}"


def _joined(algorithms: frozenset[Algorithm]) -> str:
    return " and ".join(sorted(algorithms))


def _unchecked(value: object) -> object:
    return value


def _text(value: object) -> str:
    require(value, str)
    text = str(value)
    if "\0" in text:
        raise ValueError("must not hold a NUL character: the server cuts text off there")
    return text


def _list(value: object) -> list[object]:
    require(value, list)
    return list(value) if isinstance(value, list) else []


def _texts(value: object) -> tuple[str, ...]:
    return tuple(_text(each) for each in _list(value))


def _prefixes(value: object) -> tuple[str, ...]:
    prefixes = (_text(value),) if isinstance(value, str) else _texts(value)
    if not prefixes:
        raise ValueError('must name at least one prefix; "" covers every key')
    return prefixes


def _options(value: object) -> tuple[str, ...]:
    return tuple(sorted({parse_choice(word, OPTIONS) for word in _texts(value)}))


def _score(value: object) -> float:
    require(value, float)
    score = float(str(value))
    if not 0 <= score <= 1:
        raise ValueError(f"must be between 0 and 1, not {score}")
    return score


def _seconds(value: object) -> int:
    require(value, int)
    seconds = int(str(value))
    if seconds < 1:
        raise ValueError(f"must be at least 1 second, not {seconds}")
    return seconds


def _flag(value: object) -> bool:
    require(value, bool)
    return bool(value)
