"""The user's query check file: keys that must exist, and queries that must find something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fieldfare.yamlfile import Problem, load_yaml

__all__ = ["load_query_checks"]


def load_query_checks(path: str | Path | None) -> Mapping[str, Any]:
    """Read the file; nothing to check without one.

    Raises:
        FileError: it cannot be used, with every problem and its line.
    """
    if path is None:
        return {}
    document = load_yaml(Path(path))
    problems: list[Problem] = []
    for key, value in document.data.items():
        if key not in ("keys_exist", "fetch_ids", "queries"):
            problems.append(((key,), f"unknown key {key!r}; known: fetch_ids, keys_exist, queries"))
        elif not isinstance(value, list):
            problems.append(((key,), f"{key} must be a list"))
        elif key == "queries":
            problems.extend(_query_problems(value))
        else:
            problems.extend(
                ((key, n), f"{each!r} is not a string") for n, each in enumerate(value) if not isinstance(each, str)
            )
    if problems:
        raise document.error(problems)
    return document.data


def _query_problems(queries: list[Any]) -> Iterator[Problem]:
    for number, query in enumerate(queries):
        if not isinstance(query, dict) or not isinstance(query.get("query"), str):
            yield ("queries", number), "a query needs a 'query' string"
        elif set(query) - {"query", "min_results"} or not isinstance(query.get("min_results", 1), int):
            yield ("queries", number), "besides 'query' there may be 'min_results', a whole number"
