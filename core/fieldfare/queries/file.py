"""Reads query check files, and reports all problems of a file at once, with their lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from fieldfare.queries.convert import read_query
from fieldfare.queries.model import CountQuery, Query, QueryChecks
from fieldfare.support.structure import StructureError
from fieldfare.support.yamlfile import Problem, load_yaml

__all__ = ["load_query_checks"]

LISTS: Final = ("fetch_ids", "keys_exist", "queries")
SHARES: Final = ("min_mean_overlap", "min_overlap")
KNOWN: Final = ", ".join(sorted((*LISTS, *SHARES)))


def load_query_checks(path: str | Path | None) -> QueryChecks:
    """Read the file; nothing to check without one.

    Raises:
        FileError: it, or a file of a vector that it names, cannot be used; with every problem and its line.
    """
    if path is None:
        return QueryChecks()
    document = load_yaml(Path(path))
    problems: list[Problem] = []
    counts: list[CountQuery] = []
    queries: list[Query] = []
    for key, value in document.data.items():
        if key in SHARES:
            problems.extend(_share_problems(key, value))
        elif key not in LISTS:
            problems.append(((key,), f"unknown key {key!r}; known: {KNOWN}"))
        elif not isinstance(value, list):
            problems.append(((key,), f"{key} must be a list"))
        elif key == "queries":
            problems.extend(_read_queries(value, Path(path).parent, counts, queries))
        else:
            problems.extend(
                ((key, n), f"{each!r} is not a string") for n, each in enumerate(value) if not isinstance(each, str)
            )
    if problems:
        raise document.error(problems)
    data = document.data
    return QueryChecks(
        keys_exist=tuple(data.get("keys_exist", ())),
        fetch_ids=tuple(data.get("fetch_ids", ())),
        counts=tuple(counts),
        queries=tuple(queries),
        min_overlap=data.get("min_overlap"),
        min_mean_overlap=data.get("min_mean_overlap"),
    )


def _share_problems(key: str, value: object) -> Iterator[Problem]:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        yield (key,), "must be a number from 0 to 1"


def _read_queries(
    plain: list[Any], directory: Path, counts: list[CountQuery], queries: list[Query]
) -> Iterator[Problem]:
    """Add the queries of the file to the two lists; yield what is wrong with the others."""
    names: dict[str, int] = {}
    for number, each in enumerate(plain):
        if isinstance(each, dict) and {"search", "aggregate"} & each.keys():
            try:
                query = read_query(each, number, directory)
            except StructureError as error:
                yield from error.within("queries", number)
                continue
            if query.name in names:
                other = names[query.name] + 1
                yield ("queries", number, "name"), f"query {other} has the same name; 'name' gives this one another"
            names[query.name] = number
            queries.append(query)
        elif not isinstance(each, dict) or not isinstance(each.get("query"), str):
            yield ("queries", number), "a query needs a 'query' string"
        elif set(each) - {"query", "min_results"} or not isinstance(each.get("min_results", 1), int):
            yield ("queries", number), "besides 'query' there may be 'min_results', a whole number"
        else:
            counts.append(CountQuery(each["query"], int(each.get("min_results", 1))))
