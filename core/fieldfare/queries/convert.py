"""A query of the file → :class:`~fieldfare.queries.model.Query`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, NewType

from attrs import field, frozen
from cattrs import Converter

from fieldfare.errors import FileError
from fieldfare.queries.arguments import argument_problems
from fieldfare.queries.model import (
    DIALECT,
    TOP,
    DocumentVector,
    Kind,
    Parameter,
    Query,
    QueryCommand,
    VectorValues,
)
from fieldfare.queries.vector_file import read_numpy_vector, read_raw_vector
from fieldfare.server.knn import WIDTHS
from fieldfare.support.structure import StructureError, make_converter, structure
from fieldfare.support.yamlfile import Problem

__all__ = ["read_query"]

DIALECTS: Final = (1, 2, 3)
"""Dialect 4 is dialect 3 whose counts need not be exact."""

MAX_TOP: Final = 10_000

Word = NewType("Word", str)
"""An argument: text, or a number."""


@frozen(hash=False)
class _Command:
    search: str | None = None
    aggregate: str | None = None
    arguments: tuple[Word, ...] = ()


@frozen(hash=False)
class _Query(_Command):
    name: str | None = None
    params: Mapping[str, Any] = field(factory=dict)
    top: int = TOP
    dialect: int = DIALECT
    min_results: int = 1
    min_overlap: float | None = None
    against: _Command | None = None


@frozen
class _Vector:
    key: str | None = None
    field: str | None = None
    file: str | None = None
    row: int | None = None
    datatype: str | None = None


def read_query(value: object, number: int, directory: Path) -> Query:
    """Read a query that has ``search`` or ``aggregate``.

    Args:
        value: as the file has it.
        number: its place in the file, from 0.
        directory: to which paths of files are relative.

    Raises:
        StructureError: it is no such query; with all problems.
    """
    plain = structure(_converter(), value, _Query)
    problems = [*_query_problems(plain)]
    params: dict[str, Parameter] = {}
    for name, each in plain.params.items():
        try:
            params[name] = _parameter(each, directory)
        except StructureError as error:
            problems += error.within("params", name)
    if problems:
        raise StructureError(problems)
    command = _command(plain)
    return Query(
        name=plain.name or _default_name(command, number),
        command=command,
        against=None if plain.against is None else _command(plain.against, command),
        params=params,
        top=plain.top,
        dialect=plain.dialect,
        min_results=plain.min_results,
        min_overlap=plain.min_overlap,
    )


@cache
def _converter() -> Converter:
    converter = make_converter()
    converter.register_structure_hook(Word, lambda value, _: Word(_word(value)))
    converter.register_structure_hook_func(lambda kind: kind is Any, lambda value, _: value)
    return converter


def _word(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise StructureError([((), "must be text or a number")])
    return str(value)


def _query_problems(plain: _Query) -> Iterator[Problem]:
    yield from _command_problems(plain)
    if plain.against is not None:
        yield from ((("against", *at), message) for at, message in _command_problems(plain.against))
        if _kind(plain.against) not in {None, _kind(plain)}:
            yield ("against",), f"must be the same command as the query itself: {_kind(plain)}"
    if plain.name is not None and (not plain.name.strip() or not plain.name.isprintable()):
        yield ("name",), "must be text in one line"
    if not 1 <= plain.top <= MAX_TOP:
        yield ("top",), f"must be from 1 to {MAX_TOP:,}"
    if plain.aggregate is not None and plain.top != TOP:
        yield ("top",), "is for FT.SEARCH; rows of FT.AGGREGATE are limited by LIMIT in 'arguments'"
    if plain.dialect not in DIALECTS:
        yield ("dialect",), "must be 1, 2 or 3; dialect 4 finds what 3 does, and need not count exactly"
    if plain.params and plain.dialect == 1:
        yield ("dialect",), "must be 2 or 3: dialect 1 has no parameters"
    if plain.min_results < 0:
        yield ("min_results",), "must not be negative"
    if plain.min_overlap is not None and not 0 <= plain.min_overlap <= 1:
        yield ("min_overlap",), "must be a number from 0 to 1"


def _command_problems(plain: _Command) -> Iterator[Problem]:
    if (plain.search is None) is (plain.aggregate is None):
        yield (), "a query has either 'search' or 'aggregate'"
        return
    kind = _kind(plain) or Kind.SEARCH
    yield from ((("arguments",), message) for message in argument_problems(kind, plain.arguments))


def _kind(plain: _Command) -> Kind | None:
    if plain.search is not None:
        return Kind.SEARCH
    return None if plain.aggregate is None else Kind.AGGREGATE


def _command(plain: _Command, default: QueryCommand | None = None) -> QueryCommand:
    kind = _kind(plain) or Kind.SEARCH
    text = plain.search if plain.search is not None else plain.aggregate or ""
    arguments = tuple(map(str, plain.arguments))
    return QueryCommand(kind, text, arguments or (default.arguments if default else ()))


def _default_name(command: QueryCommand, number: int) -> str:
    return f"{number + 1}: {command.text}" if command.text.isprintable() else f"query {number + 1}"


def _parameter(value: object, directory: Path) -> Parameter:
    if not isinstance(value, dict):
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise StructureError([((), "must be text, a number, or a vector: 'key' and 'field', or 'file'")])
        return value
    vector = structure(_converter(), value, _Vector)
    if (vector.key is None) is (vector.file is None):
        raise StructureError([((), "a vector has either 'key' (of a document) and 'field', or 'file'")])
    if vector.file is not None:
        return _file_vector(vector, directory / vector.file)
    if vector.field is None:
        raise StructureError([((), "the key 'field' is missing: the vector field of the document")])
    for name in ("row", "datatype"):
        if getattr(vector, name) is not None:
            raise StructureError([((name,), "is for a vector in a file")])
    return DocumentVector(str(vector.key), vector.field)


def _file_vector(vector: _Vector, path: Path) -> VectorValues:
    try:
        if path.suffix == ".npy":
            if vector.datatype is not None:
                raise StructureError([(("datatype",), "is for a raw file; a numpy file has its own")])
            return VectorValues(*read_numpy_vector(path, vector.row), vector.field)
        if vector.datatype not in WIDTHS:
            raise StructureError([(("datatype",), f"a raw file needs one of {', '.join(WIDTHS)}")])
        if vector.row is not None:
            raise StructureError([(("row",), "is for a file of numpy; a raw file is one vector")])
        return VectorValues(read_raw_vector(path, vector.datatype), vector.datatype, vector.field)
    except FileError as error:
        raise StructureError([(("file",), f"{error.path}: {each}") for each in error.problems]) from error
