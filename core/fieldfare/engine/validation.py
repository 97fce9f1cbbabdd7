"""The kernel's own findings: is the target what was planned, and does it answer?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

from redis.exceptions import ResponseError

from fieldfare.changes import UpdateOption
from fieldfare.definition import Field, IndexStats, Snapshot, Storage
from fieldfare.definition.compare import differences
from fieldfare.engine.index import encoded, missing_aliases
from fieldfare.engine.meanwhile import departed
from fieldfare.engine.newcomers import failures_expected
from fieldfare.engine.run import Run
from fieldfare.engine.vector import WIDTHS, nearest, pack, unpack
from fieldfare.engine.verification import check_writers
from fieldfare.errors import IndexNotFound
from fieldfare.findings import Finding, Severity
from fieldfare.plan import MigrationPlan
from fieldfare.server.inspect import read_snapshot, read_stats

__all__ = ["check"]

COVERAGE: Final = ("filter", "prefixes", "index_all")
"""Options that decide which documents an index covers."""

SPARE: Final = 10
"""How many keys are read for each vector that is asked for."""

NEAR: Final = 0.01
"""What counts as no distance, after rounding to 8 bits of precision; of the squared length, where L2 is meant."""

NEIGHBOURS: Final = 10
"""How many neighbours a self-query asks for: approximate graphs need some room to find a vector again."""


def check(plan: MigrationPlan, run: Run) -> list[Finding]:
    """Compare the live target with the plan, and ask it questions.

    Returns:
        One finding per check; only ``schema`` if there is no target.
    """
    limit = len(plan.source.key_sample) or 1
    try:
        live = read_snapshot(run.server, plan.target.name, key_sample_limit=limit * SPARE)
    except IndexNotFound as error:
        return [Finding("schema", passed=False, detail=str(error))]
    gone = departed(run)
    findings = [
        _schema(plan, live),
        _synonyms(plan, live),
        _aliases(plan, run, live),
        _document_count(plan, run, live.stats, gone.count),
        _key_sample(plan, run),
        _indexing_failures(plan, run, live.stats),
        _wildcard(run, live),
        *check_writers(run, gone),
    ]
    findings.extend(_self_query(run, live, field, limit) for field in live.definition.fields if field.is_vector)
    findings.extend(_query_checks(run, live, run.options.query_checks))
    return findings


def _schema(plan: MigrationPlan, live: Snapshot) -> Finding:
    found = differences(plan.target, live.definition)
    return Finding("schema", not found, detail="; ".join(found) or "the live definition is the planned one")


def _synonyms(plan: MigrationPlan, live: Snapshot) -> Finding:
    kept = live.synonyms == plan.source.synonyms
    return Finding("synonyms", kept, detail=f"{len(live.synonyms)} of {len(plan.source.synonyms)} groups")


def _aliases(plan: MigrationPlan, run: Run, live: Snapshot) -> Finding:
    missing = missing_aliases(run.server, live, plan.source.aliases)
    detail = f"missing: {', '.join(missing)}" if missing else f"{len(plan.source.aliases)} aliases lead here"
    return Finding("aliases", not missing, detail=detail)


def _before(plan: MigrationPlan, run: Run) -> IndexStats:
    return run.journal.progress.source_stats if run.has_backup else plan.source.stats


def _document_count(plan: MigrationPlan, run: Run, stats: IndexStats, gone: int) -> Finding:
    # not with failures added: they count attempts, and never fall, whatever is mended or deleted later
    expected, found = _before(plan, run).num_docs, stats.num_docs
    data = {"expected": expected, "found": found}
    coverage = [each.option for each in plan.changes if isinstance(each, UpdateOption) and each.option in COVERAGE]
    if coverage:
        detail = f"{found:,} documents; {', '.join(coverage)} changed, so {expected:,} before says nothing"
        return Finding("document_count", passed=True, severity=Severity.INFO, detail=detail, data=data)
    if found == expected:
        return Finding("document_count", passed=True, detail=f"{found:,} documents", data=data)
    detail = f"document count mismatch: {found:,} now, {expected:,} before"
    if found > expected:
        return _more_documents(plan, found, expected, detail, data)
    if gone and run.journal.progress.server_changes:
        detail += f"; {gone:,} captured documents are gone, and the server was started anew meanwhile: it lost them"
        return Finding("document_count", passed=False, detail=detail, data={**data, "vanished": gone})
    if gone:
        detail += f"; {gone:,} captured documents expired, or were deleted or replaced meanwhile"
    # nobody touched the documents if only the index changed; then some expired, or were deleted
    severity = Severity.ERROR if plan.rewrites_documents or not run.has_backup else Severity.WARNING
    return Finding("document_count", found + gone >= expected, severity, detail, {**data, "vanished": gone})


def _more_documents(plan: MigrationPlan, found: int, expected: int, detail: str, data: Mapping[str, int]) -> Finding:
    """Nothing is lost where there is more: written meanwhile, or indexed for the first time."""
    if plan.target.prefixes != plan.source.definition.prefixes:
        detail = f"{found:,} documents, {found - expected:,} more than before: they have the new prefix"
        return Finding("document_count", passed=True, detail=detail, data=data)
    return Finding("document_count", passed=False, severity=Severity.WARNING, detail=detail, data=data)


def _key_sample(plan: MigrationPlan, run: Run) -> Finding:
    keys = [plan.moved(encoded(key)) for key in plan.source.key_sample]
    replies = run.server.bulk([(b"EXISTS", key) for key in keys]) if keys else []
    gone = [key for key, reply in zip(plan.source.key_sample, replies, strict=True) if reply != 1]
    if not gone:
        return Finding("key_sample", passed=True, detail=f"{len(keys)} sampled keys exist")
    # a key with a time to live may go at any moment; the plan cannot know
    return Finding("key_sample", passed=False, severity=Severity.WARNING, detail=f"no longer there: {', '.join(gone)}")


def _indexing_failures(plan: MigrationPlan, run: Run, stats: IndexStats) -> Finding:
    before, after = _before(plan, run).hash_indexing_failures, stats.hash_indexing_failures
    data = {"before": before, "after": after}
    passed = after <= failures_expected(run)
    return Finding("indexing_failures", passed, detail=f"{after:,} now, {before:,} before", data=data)


def _wildcard(run: Run, live: Snapshot) -> Finding:
    try:
        reply = run.server.command("FT.SEARCH", encoded(live.definition.name), "*", "LIMIT", 0, 0)
    except ResponseError as error:
        return Finding("wildcard_query", passed=False, detail=str(error))
    total = reply[0] if isinstance(reply, list) else reply[b"total_results"]
    now = read_stats(run.server, live.definition.name).num_docs  # documents may come and go meanwhile
    return Finding(
        "wildcard_query",
        min(now, live.stats.num_docs) <= total <= max(now, live.stats.num_docs),
        detail=f"{total:,} results for {live.stats.num_docs:,} documents",
        severity=Severity.WARNING if live.definition.temporary else Severity.ERROR,
    )


def _self_query(run: Run, live: Snapshot, field: Field, limit: int) -> Finding:
    """Whether documents are found by their own vectors; some lack the field, so more keys are at hand than asked.

    With inner product the nearest vector is the longest, not the same one: there any answer will do.
    """
    name = f"knn_self_query:{field.name}"
    asked, lost = 0, []
    for key in map(encoded, live.key_sample):
        vector = _vector_of(run, live.definition.storage, key, field) if asked < limit else None
        if vector is None:
            continue
        asked += 1
        try:
            found = nearest(run.server, live.definition.name, field.name, vector, NEIGHBOURS)
        except ResponseError as error:
            return Finding(name, passed=False, detail=str(error))
        if key not in found and not _is_crowded(field, vector, found):
            lost.append(key.decode("utf-8", "backslashreplace"))
    detail = (
        f"not found by their own vector: {', '.join(lost)}" if lost else f"{asked} documents found by their own vector"
    )
    return Finding(name, not lost, detail=detail, data={"asked": asked, "lost": len(lost)})


def _is_crowded(field: Field, vector: bytes, found: Mapping[bytes, float]) -> bool:
    """Whether so many vectors are as near as a vector's own that it need not be among them."""
    metric = field.attrs["distance_metric"]
    if metric == "ip":
        return bool(found)
    values = unpack(vector, str(field.attrs["datatype"]))
    scale = 1.0 if metric == "cosine" else sum(value * value for value in values)  # L2 is squared
    return len(found) == NEIGHBOURS and all(distance <= NEAR * scale for distance in found.values())


def _vector_of(run: Run, storage: Storage, key: bytes, field: Field) -> bytes | None:
    """Return a document's vector as the index takes it; None if it has none that can be asked for."""
    path = encoded(field.path)
    dims, datatype = int(field.attrs["dims"]), str(field.attrs["datatype"])
    if storage is Storage.JSON:
        (reply,) = run.server.bulk([(b"JSON.GET", key, path)])
        vector = pack(reply, dims, datatype)
    else:
        (reply,) = run.server.bulk([(b"HGET", key, path)])
        vector = reply if isinstance(reply, bytes) else None
    if vector is None or len(vector) != dims * WIDTHS[datatype]:
        return None
    values = unpack(vector, datatype)
    # NaN and infinity are near nothing, and all zeros have no direction
    return vector if any(values) and all(map(isfinite, values)) else None


def _query_checks(run: Run, live: Snapshot, checks: Mapping[str, Any]) -> list[Finding]:
    findings = []
    keys = [*checks.get("keys_exist", []), *(_document_key(live, each) for each in checks.get("fetch_ids", []))]
    for key in keys:
        (reply,) = run.server.bulk([(b"EXISTS", encoded(key))])
        findings.append(Finding(f"query_check:{key}", reply == 1, detail="it exists" if reply == 1 else "no such key"))
    findings.extend(_query(run, live, check) for check in checks.get("queries", []))
    return findings


def _document_key(live: Snapshot, identifier: str) -> str:
    return identifier if identifier.startswith(live.definition.prefixes) else live.definition.prefixes[0] + identifier


def _query(run: Run, live: Snapshot, check: Mapping[str, Any]) -> Finding:
    query, least = str(check["query"]), int(check.get("min_results", 1))
    name = f"query_check:{query}"
    arguments: Sequence[Any] = (encoded(live.definition.name), encoded(query), "NOCONTENT", "LIMIT", 0, 1, "DIALECT", 2)
    try:
        reply = run.server.command("FT.SEARCH", *arguments)
    except ResponseError as error:
        return Finding(name, passed=False, detail=str(error))
    total = reply[0] if isinstance(reply, list) else reply[b"total_results"]
    return Finding(
        name, total >= least, detail=f"{total:,} results, at least {least:,} wanted", data={"results": total}
    )
