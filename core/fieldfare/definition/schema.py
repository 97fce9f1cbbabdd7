"""Definition ↔ the mapping that schema files hold.

The keys are those of RedisVL's schema files, and a few more for what those leave out
(https://docs.redisvl.com/en/latest/api/schema.html), which may leave out a vector's ``datatype`` and
``distance_metric``. ``key_separator`` and ``version`` are accepted and mean nothing to an index. A ``prefix``
must be given, since tools disagree on its default.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar

from fieldfare.definition.attribute import Algorithm, AttributeValue, FieldType, attributes_of
from fieldfare.definition.canonical import OPTIONS, canonical_language, default_of
from fieldfare.definition.model import Field, IndexDefinition, Storage
from fieldfare.definition.value import choose, read_value
from fieldfare.structure import Misfit, require
from fieldfare.suggestion import suggestion

__all__ = ["SchemaError", "field_from_dict", "field_to_dict", "from_schema", "to_schema"]

T = TypeVar("T")
_Location: TypeAlias = tuple[str | int, ...]
_Problem: TypeAlias = tuple[_Location, str]

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
"""What a vector field cannot do without."""

_ASSUMED: Final[Mapping[str, AttributeValue]] = {"datatype": "float32", "distance_metric": "cosine"}
"""What schema files mean where they leave one of these out."""


class SchemaError(Misfit):
    """A mapping that is not a schema.

    Attributes:
        problems: where in the mapping, and what; all of them.
    """


def to_schema(definition: IndexDefinition) -> dict[str, Any]:
    """Return the mapping of a definition, with plain values; what stands at its default is left out."""
    prefixes = definition.prefixes
    index: dict[str, Any] = {
        "name": definition.name,
        "prefix": prefixes[0] if len(prefixes) == 1 else list(prefixes),
        "storage_type": definition.storage.value,
    }
    if definition.stopwords is not None:
        index["stopwords"] = list(definition.stopwords)
    index |= {key: getattr(definition, key) for key in _OPTIONAL if getattr(definition, key) is not None}
    if definition.score != 1:
        index["score"] = definition.score
    if definition.options:
        index["options"] = list(definition.options)
    if definition.index_all:
        index["index_all"] = True
    return {"index": index, "fields": [field_to_dict(each, definition.storage) for each in definition.fields]}


def from_schema(mapping: object) -> IndexDefinition:
    """Return the definition that a mapping spells.

    Raises:
        SchemaError: it spells none, with every problem in it.
    """
    problems: list[_Problem] = []
    top = _Section(mapping, (), ("version", "index", "fields"), problems)
    section = top.need("index", _as_is)
    index = _Section(section, ("index",), _INDEX_KEYS, [] if section is None else problems)
    storage = index.take("storage_type", lambda value: Storage(choose(_text(value), tuple(Storage))), Storage.HASH)
    fields = _fields(top.need("fields", _list) or (), storage, problems)
    definition = IndexDefinition(
        name=index.need("name", _text) or "",
        storage=storage,
        prefixes=index.need("prefix", _prefixes) or (),
        fields=fields,
        filter=index.take("filter", _text, None),
        language=canonical_language(index.take("language", _text, None)),
        language_field=index.take("language_field", _text, None),
        score=index.take("score", _score, 1.0),
        score_field=index.take("score_field", _text, None),
        payload_field=index.take("payload_field", _text, None),
        stopwords=index.take("stopwords", _texts, None),
        options=index.take("options", _options, ()),
        temporary=index.take("temporary", _seconds, None),
        index_all=index.take("index_all", _flag, default=False),
    )
    if problems:
        raise SchemaError(problems)
    return definition


def field_to_dict(field: Field, storage: Storage | None = None) -> dict[str, Any]:
    """Return the mapping of one field, with plain values.

    Args:
        field: the field.
        storage: leaves out the path if it is what this storage takes by default; None never leaves it out.
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
    """Return the field that a mapping spells; scalar attributes at their default are left out.

    Raises:
        SchemaError: it spells none, with every problem in it; places are relative to this mapping.
    """
    problems: list[_Problem] = []
    field = _field(mapping, (), storage, problems)
    if field is None or problems:
        raise SchemaError(problems)
    return field


class _Section:
    """One mapping of a file; notes every problem with its place."""

    def __init__(self, value: object, at: _Location, known: Sequence[str], problems: list[_Problem]) -> None:
        self._at = at
        self._problems = problems
        self._values: Mapping[Any, Any] = value if isinstance(value, Mapping) else {}
        if value is not None and not isinstance(value, Mapping):
            problems.append((at, f"must be a mapping of keys to values, not {value!r:.60}"))
            self._problems = []  # that nothing is in it goes without saying
        for key in self._values:
            if key not in known:
                hint = suggestion(str(key), known) or f"; known are {', '.join(known)}"
                problems.append(((*at, key), f"unknown key{hint}"))

    def take(self, key: str, read: Callable[[object], T], default: T) -> T:
        """Return what a key holds; the default where it is missing, empty or wrong."""
        value = self._values.get(key)
        try:
            return default if value is None else read(value)
        except Misfit as error:
            self._problems += [((*self._at, key, *place), message) for place, message in error.problems]
        except ValueError as error:
            self._problems.append(((*self._at, key), str(error)))
        return default

    def need(self, key: str, read: Callable[[object], T]) -> T | None:
        """Return what a key holds, which must be there; None where it is missing or wrong."""
        if self._values.get(key) is None:
            self._problems.append((self._at, f"the key {key!r} is missing"))
        return self.take(key, read, None)


def _fields(values: Sequence[object], storage: Storage, problems: list[_Problem]) -> tuple[Field, ...]:
    fields: dict[str, Field] = {}
    for number, value in enumerate(values):
        field = _field(value, ("fields", number), storage, problems, _ASSUMED)
        if field is not None and field.name in fields:
            problems.append((("fields", number, "name"), f"there is another field named {field.name!r}"))
        elif field is not None:
            fields[field.name] = field
    return tuple(fields.values())


def _field(
    value: object,
    at: _Location,
    storage: Storage,
    problems: list[_Problem],
    assumed: Mapping[str, AttributeValue] = MappingProxyType({}),
) -> Field | None:
    section = _Section(value, at, ("name", "type", "path", "attrs"), problems)
    name = section.need("name", _text)
    kind = section.need("type", lambda word: FieldType(choose(_text(word), tuple(FieldType))))
    path = section.take("path", _text, None)
    attrs = section.take("attrs", _as_is, None)
    if name is None or kind is None:
        return None
    if kind is FieldType.VECTOR and isinstance(attrs, Mapping):
        attrs = {**assumed, **{key: item for key, item in attrs.items() if item is not None or key not in assumed}}
    read = _attributes(attrs, (*at, "attrs"), kind, storage, problems)
    return Field(name, kind, _default_path(name, storage) if path is None else path, read)


def _attributes(
    value: object, at: _Location, kind: FieldType, storage: Storage, problems: list[_Problem]
) -> dict[str, AttributeValue]:
    algorithm = value.get("algorithm") if kind is FieldType.VECTOR and isinstance(value, Mapping) else None
    every = attributes_of(kind)
    takes = attributes_of(kind, algorithm) if isinstance(algorithm, str) else every
    section = _Section(value, at, [each.key for each in every], problems)
    read: dict[str, AttributeValue] = {}
    for each in every:
        found = section.take(each.key, partial(read_value, each), None)
        if found is None:
            continue
        read[each.key] = found
        if each not in takes:
            problems.append(((*at, each.key), f"{algorithm} has no such attribute; {_named(each.algorithms)} has"))
    if kind is FieldType.VECTOR:
        for key in _REQUIRED:
            section.need(key, _as_is)
        return {key: found for key, found in read.items() if found is not False}
    defaults = {each.key: default_of(each, storage) for each in every}
    return {key: found for key, found in read.items() if found != defaults[key]}


def _default_path(name: str, storage: Storage) -> str:
    return name if storage is Storage.HASH else f"$.{name}"


def _named(algorithms: frozenset[Algorithm]) -> str:
    return " and ".join(sorted(algorithms))


def _as_is(value: object) -> object:
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
    return tuple(sorted({choose(word, OPTIONS) for word in _texts(value)}))


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
