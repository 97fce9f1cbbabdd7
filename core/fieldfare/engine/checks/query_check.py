"""The user's query check file: keys that must exist, and queries that must find something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from redis.exceptions import ResponseError

from fieldfare.definition import Snapshot
from fieldfare.definition.reply import encode
from fieldfare.definition.snapshot import KEY_SEPARATOR
from fieldfare.engine.run import ActiveRun
from fieldfare.report import Finding
from fieldfare.server.permissions import require_allowed
from fieldfare.server.search import count_results
from fieldfare.support.yamlfile import Problem, load_yaml

__all__ = ["load_query_checks", "run_query_checks"]


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


def run_query_checks(run: ActiveRun, live: Snapshot) -> list[Finding]:
    """Return a finding for each key and each query of the user's file.

    Args:
        run: its options have the content of the file.
        live: the target.
    """
    checks = run.options.query_checks
    findings = [_key_exists(run, f"key:{key}", [key]) for key in checks.get("keys_exist", [])]
    findings += [_key_exists(run, f"fetch:{each}", _document_keys(live, each)) for each in checks.get("fetch_ids", [])]
    findings += [_query(run, live, check) for check in checks.get("queries", [])]
    return findings


def _key_exists(run: ActiveRun, name: str, keys: Sequence[str]) -> Finding:
    """Return whether there is a document under one of the keys."""
    replies = require_allowed(run.server, [(b"EXISTS", encode(key)) for key in keys])
    found = [key for key, reply in zip(keys, replies, strict=True) if reply == 1]
    return Finding(name, bool(found), detail=f"{found[0]} exists" if found else f"no such key: {' or '.join(keys)}")


def _document_keys(live: Snapshot, identifier: str) -> list[str]:
    """Return the keys that a document's id may mean: as RedisVL builds them, joined without a separator, or itself."""
    keys = []
    for prefix in live.definition.prefixes:
        keys += [f"{prefix.rstrip(KEY_SEPARATOR)}{KEY_SEPARATOR}{identifier}" if prefix else identifier]
        keys += [prefix + identifier]
        keys += [identifier] if identifier.startswith(prefix) else []
    return list(dict.fromkeys(keys))


def _query(run: ActiveRun, live: Snapshot, check: Mapping[str, Any]) -> Finding:
    query, least = str(check["query"]), int(check.get("min_results", 1))
    name = f"query:{query}"
    try:
        total = count_results(run.server, live.definition.name, query)
    except ResponseError as error:
        return Finding(name, passed=False, detail=str(error))
    return Finding(
        name, total >= least, detail=f"{total:,} results, at least {least:,} required", data={"results": total}
    )
