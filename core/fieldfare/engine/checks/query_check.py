"""The user's query check file: keys that must exist, and queries that must find something."""

from __future__ import annotations

from collections.abc import Sequence

from redis.exceptions import ResponseError

from fieldfare.definition import Snapshot
from fieldfare.definition.reply import encode
from fieldfare.definition.snapshot import KEY_SEPARATOR
from fieldfare.engine.run import ActiveRun
from fieldfare.errors import FieldfareError
from fieldfare.queries import CountQuery, Query
from fieldfare.report import Finding
from fieldfare.server.permissions import require_allowed
from fieldfare.server.search import count_results
from fieldfare.support.wording import counted

__all__ = ["run_query_checks"]


def run_query_checks(run: ActiveRun, live: Snapshot) -> list[Finding]:
    """Return a finding for each key and each query of the user's file.

    Args:
        run: its options have the content of the file.
        live: the target.
    """
    checks = run.options.query_checks
    findings = [_key_exists(run, f"key:{key}", [key]) for key in checks.keys_exist]
    findings += [_key_exists(run, f"fetch:{each}", _document_keys(live, each)) for each in checks.fetch_ids]
    findings += [_count(run, live, each) for each in checks.counts]
    findings += [_query(run, live, each) for each in checks.queries]
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


def _count(run: ActiveRun, live: Snapshot, check: CountQuery) -> Finding:
    name = f"query:{check.text}"
    try:
        total = count_results(run.server, live.definition.name, check.text)
    except ResponseError as error:
        return Finding(name, passed=False, detail=str(error))
    return _enough(name, total, check.min_results)


def _query(run: ActiveRun, live: Snapshot, query: Query) -> Finding:
    from fieldfare.comparison import count_query_results  # noqa: PLC0415 - start-up time

    name = f"query:{query.name}"
    try:
        total = count_query_results(run.server, live.definition, query, plugins=run.plugins, plan=run.plan)
    except (ResponseError, FieldfareError) as error:
        return Finding(name, passed=False, detail=str(error))
    return _enough(name, total, query.min_results)


def _enough(name: str, total: int, least: int) -> Finding:
    return Finding(
        name, total >= least, detail=f"{counted(total, 'result')}, at least {least:,} required", data={"results": total}
    )
