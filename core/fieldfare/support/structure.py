"""Strict structuring of plain values into classes: types are not converted, all problems are reported at once.

Based on cattrs. In addition, numbers do not become text, text does not become a list, and the errors are one flat list
with the location of each.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from types import GenericAlias
from typing import Any, Final, TypeAlias, TypeVar, get_args, get_origin

import attrs
from cattrs import (
    AttributeValidationNote,
    ClassValidationError,
    Converter,
    ForbiddenExtraKeysError,
    IterableValidationError,
)
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn

from fieldfare.support.suggestion import suggestion
from fieldfare.support.yamlfile import Location, Problem

__all__ = ["StructureError", "make_converter", "require", "structure"]

T = TypeVar("T")
Hook: TypeAlias = Callable[[Any, Any], Any]

_WORDS: Final[dict[type, str]] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a mapping of keys to values",
    list: "a list",
}


class StructureError(ValueError):
    """Plain values that cannot be structured as a class.

    Attributes:
        problems: location and message, for all problems.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Join the messages of all problems."""
        self.problems = tuple(problems)
        super().__init__("; ".join(message for _, message in self.problems))

    def within(self, *place: str | int) -> tuple[Problem, ...]:
        """Return the problems with this place, the location of the value, in front of their locations."""
        return tuple(((*place, *location), message) for location, message in self.problems)


def make_converter(*, sparse: Collection[type] = ()) -> Converter:
    """Return a converter that forbids unknown keys and converts no types.

    Args:
        sparse: classes whose attributes are omitted from plain values if they have their default.
    """
    converter = Converter(forbid_extra_keys=True)
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, _scalar_hook(kind))
    converter.register_structure_hook(StrEnum, lambda value, kind: kind(value))
    converter.register_structure_hook_factory(_is(tuple), _tuple_hook)
    converter.register_structure_hook_factory(_is(Mapping), _mapping_hook)
    converter.register_structure_hook_factory(attrs.has, _class_hook)
    converter.register_unstructure_hook_factory(
        attrs.has, lambda kind, inner: make_dict_unstructure_fn(kind, inner, _cattrs_omit_if_default=kind in sparse)
    )
    converter.register_unstructure_hook(StrEnum, lambda value: value.value)
    converter.register_unstructure_hook(tuple, lambda value: [converter.unstructure(each) for each in value])
    return converter


def structure(converter: Converter, value: object, kind: type[T]) -> T:
    """Make an object of a class from a plain value.

    Raises:
        StructureError: the value does not fit; with all problems.
    """
    try:
        return converter.structure(value, kind)
    except Exception as error:  # whatever a hook raised is a problem of the value
        raise StructureError(tuple(_problems(error, ()))) from error


def require(value: object, kind: type) -> None:
    """Check the type of a plain value. A boolean is not a number; a whole number is a valid float.

    Raises:
        StructureError: it has another type.
    """
    fits = isinstance(value, (int, float) if kind is float else kind)
    if not fits or (isinstance(value, bool) and kind is not bool):
        raise StructureError([((), f"must be {_WORDS[kind]}, not {_shown(value)}")])


def _shown(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict | list):
        return _WORDS[type(value)]
    return f"{value!r:.60}"


def _is(origin: type) -> Callable[[Any], bool]:
    return lambda kind: get_origin(kind) is origin


def _requiring(plain: type, convert: Callable[[Any], Any]) -> Hook:
    """Return a hook that checks the type of a plain value, and converts it."""

    def hook(value: Any, _: Any) -> Any:
        require(value, plain)
        return convert(value)

    return hook


def _scalar_hook(kind: type) -> Hook:
    return _requiring(kind, lambda value: float(value) if kind is float else value)


def _tuple_hook(kind: Any, converter: Converter) -> Hook:
    items: Any = GenericAlias(list, get_args(kind)[:1])
    inner = converter.get_structure_hook(items)
    return _requiring(list, lambda value: tuple(inner(value, items)))


def _mapping_hook(kind: Any, converter: Converter) -> Hook:
    items: Any = GenericAlias(dict, get_args(kind))
    inner = converter.get_structure_hook(items)
    return _requiring(dict, lambda value: dict(inner(value, items)))


def _class_hook(kind: Any, converter: Converter) -> Hook:
    inner = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True)
    return _requiring(dict, lambda value: inner(value, kind))


def _problems(error: BaseException, at: Location) -> Iterator[Problem]:
    match error:
        case StructureError():
            yield from error.within(*at)
        case ForbiddenExtraKeysError():
            known = [each.name for each in attrs.fields(error.cl)]
            for key in sorted(error.extra_fields):
                yield (*at, key), "unknown key" + (suggestion(key, known) or f"; known are {', '.join(known)}")
        case IterableValidationError() | ClassValidationError():
            placed, rest = error.group_exceptions()
            for each, note in placed:
                place: Any = note.name if isinstance(note, AttributeValidationNote) else note.index
                yield from _missing(place, at) if _is_missing(each, place) else _problems(each, (*at, place))
            for other in rest:
                yield from _problems(other, at)
        case _:
            yield at, str(error)


def _is_missing(error: BaseException, place: str | int) -> bool:
    return isinstance(error, KeyError) and error.args == (place,)


def _missing(place: str | int, at: Location) -> Iterator[Problem]:
    yield at, f"the key {place!r} is missing"
