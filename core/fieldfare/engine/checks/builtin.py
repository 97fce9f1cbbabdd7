"""The built-in checks: whether the target is what was planned, complete, and answers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from attrs import evolve
from redis.exceptions import ResponseError

from fieldfare.backup.progress import Progress
from fieldfare.changes import RenameIndex, UpdateOption
from fieldfare.definition import IndexStats, Snapshot
from fieldfare.definition.mismatches import find_mismatches
from fieldfare.definition.reply import encode
from fieldfare.engine.checks.content import check_documents
from fieldfare.engine.checks.indexing_failures import check_indexing_failures
from fieldfare.engine.checks.query_check import run_query_checks
from fieldfare.engine.checks.self_query import read_limits, self_query
from fieldfare.engine.concurrent.captured_documents import MissingDocuments, find_missing_documents
from fieldfare.engine.index import missing_aliases
from fieldfare.engine.run import ActiveRun
from fieldfare.errors import IndexNotFound
from fieldfare.patch.mode import ModeName
from fieldfare.plan import MigrationPlan
from fieldfare.report import Finding, Severity
from fieldfare.server.hidden_alias import find_hiding_index
from fieldfare.server.index_commands import find_differences
from fieldfare.server.inspect import read_snapshot, read_stats
from fieldfare.server.permissions import require_allowed
from fieldfare.server.search import count_results
from fieldfare.support.meanwhile import meanwhile
from fieldfare.support.wording import counted

__all__ = ["check"]

ATTEMPTS: Final = 10
"""How often documents are counted while applications write."""

LOST_BY_RESTART: Final = ", and the server restarted during the run: it lost them"

LOST_OTHERWISE: Final = (
    ", and their time to live had not passed. Redis deletes the documents of a TEMPORARY index with it; "
    "the backup holds only the originals of rewritten fields"
)


def check(plan: MigrationPlan, run: ActiveRun) -> list[Finding]:
    """Compare the live target with the plan, and ask it questions.

    Returns:
        One finding per check; only ``schema`` if there is no target, only ``primaries`` if they do not agree.
    """
    limit, key_limit = read_limits(plan)
    primaries = _primaries(plan, run)
    if any(not each.passed for each in primaries):
        return primaries  # answers would depend on which of them is asked
    has_vectors = any(each.is_vector for each in plan.target.fields)
    try:
        live = read_snapshot(run.server, plan.target.name, key_sample_limit=key_limit if has_vectors else 0)
    except IndexNotFound as error:
        return [Finding("schema", passed=False, detail=str(error))]
    vectors = [field for field in live.definition.fields if field.is_vector]
    missing = find_missing_documents(run)  # the server is asked as fast as it answers
    with meanwhile(lambda: [self_query(run, live, field, limit) for field in vectors]) as self_queries:
        findings = [
            _schema(plan, live),
            _synonyms(plan, live),
            _aliases(plan, run, live),
            *primaries,
            _document_count(plan, run, live.stats, missing.count),
            _key_sample(plan, run),
            check_indexing_failures(run, live.stats, expired=_expired(run, missing)),
            _wildcard(run, live),
            *check_documents(run, missing),
        ]
    return [*findings, *self_queries(), *run_query_checks(run, live)]


def _schema(plan: MigrationPlan, live: Snapshot) -> Finding:
    found = find_mismatches(plan.target, live.definition)
    return Finding("schema", not found, detail="; ".join(found) or "the live definition is the planned one")


def _synonyms(plan: MigrationPlan, live: Snapshot) -> Finding:
    groups = counted(len(plan.source.synonyms), "synonym group")
    if not live.knows_synonyms:
        detail = f"not compared, {groups} planned: this user may not read them (FT.SYNDUMP)"
        return Finding("synonyms", passed=False, severity=Severity.WARNING, detail=detail)
    kept = live.synonyms == plan.source.synonyms
    return Finding("synonyms", kept, detail=groups if kept else f"{len(live.synonyms):,} of {groups}, or other terms")


def _aliases(plan: MigrationPlan, run: ActiveRun, live: Snapshot) -> Finding:
    missing = missing_aliases(run.server, live, plan.source.aliases)
    if not missing:
        return Finding("aliases", passed=True, detail=counted(len(plan.source.aliases), "alias", "aliases"))
    found = (find_hiding_index(run.server, alias, live.definition.name) for alias in missing)
    hidden = {each.alias: each.message for each in found if each is not None}
    lost = [alias for alias in missing if alias not in hidden]
    detail = "; ".join([*([f"missing: {', '.join(lost)}"] if lost else []), *hidden.values()])
    return Finding("aliases", passed=False, detail=detail, data={"missing": lost, "hidden": list(hidden)})


def _primaries(plan: MigrationPlan, run: ActiveRun) -> list[Finding]:
    """Compare what each primary holds, where a coordinator shares indexes among them."""
    if not run.server.capabilities.coordinator:
        return []
    names = {plan.source.definition.name, *(each.new for each in plan.changes if isinstance(each, RenameIndex))}
    expected = evolve(plan.source, definition=plan.target)
    found = find_differences(run.server, expected, former=sorted(names - {plan.target.name}))
    return [Finding("primaries", not found, detail="; ".join(found) or "all primaries hold the same index")]


def _document_count(plan: MigrationPlan, run: ActiveRun, stats: IndexStats, gone: int) -> Finding:
    # not with failures added: they count attempts, and never fall, whatever is mended or deleted later
    expected, found = run.source_stats.num_docs, stats.num_docs
    data = {"expected": expected, "found": found}
    if run.has_backup and gone == run.document_count > 0 and not _have_expired(run.journal.progress):
        return Finding("document_count", passed=False, detail=_all_gone(run, expected, found), data=data)
    coverage = [each.option for each in plan.changes if isinstance(each, UpdateOption) and each.affects_coverage]
    if coverage:
        detail = f"{found:,} documents; {', '.join(coverage)} changed, so {expected:,} before says nothing"
        return Finding("document_count", passed=True, severity=Severity.INFO, detail=detail, data=data)
    least = min(expected, run.document_count) if run.has_backup else expected  # some may have expired before the run
    if least <= found <= expected:
        return Finding("document_count", passed=True, detail=f"{found:,} documents", data=data)
    detail = f"document count mismatch: {found:,} now, {expected:,} before"
    if found > expected:
        return _more_documents(run, found, expected, data)
    index_answered = plan.mode != ModeName.DROP_RECREATE  # for days, maybe: applications delete documents
    if gone and run.journal.progress.server_changes and not index_answered:
        detail += f"; {gone:,} captured documents are gone{LOST_BY_RESTART}"
        return Finding("document_count", passed=False, detail=detail, data={**data, "vanished": gone})
    if gone:
        detail += f"; {gone:,} captured documents expired, or were deleted or replaced"
    return Finding("document_count", found + gone >= least, detail=detail, data={**data, "vanished": gone})


def _all_gone(run: ActiveRun, expected: int, found: int) -> str:
    reason = LOST_BY_RESTART if run.journal.progress.server_changes else LOST_OTHERWISE
    documents = f"all {run.document_count:,} captured documents are gone{reason}"
    return f"document count mismatch: {found:,} now, {expected:,} before; {documents}"


def _expired(run: ActiveRun, missing: MissingDocuments) -> int:
    return missing.deleted.count if run.has_backup and _have_expired(run.journal.progress) else 0


def _have_expired(progress: Progress) -> bool:
    """Whether documents that are gone can have expired: whether a sample of them has expired."""
    return progress.expires_at is not None and progress.expires_at <= time.time()


def _more_documents(run: ActiveRun, found: int, expected: int, data: Mapping[str, int]) -> Finding:
    """More documents than before is not a loss: they were added, or are indexed for the first time."""
    detail = f"{found:,} documents, {found - expected:,} more than before"
    if run.target.prefixes != run.source.prefixes:
        return Finding("document_count", passed=True, detail=f"{detail}: they have the new prefix", data=data)
    if found - expected <= run.source_stats.hash_indexing_failures:
        detail += ": at least as many could not be indexed then"
        return Finding("document_count", passed=True, detail=detail, data=data)
    if run.has_backup and found <= run.document_count:
        detail += "; they were there before, but not in the index"
    return Finding("document_count", passed=False, severity=Severity.WARNING, detail=detail, data=data)


def _key_sample(plan: MigrationPlan, run: ActiveRun) -> Finding:
    keys = [plan.moved(encode(key)) for key in plan.source.key_sample]
    replies = require_allowed(run.server, [(b"EXISTS", key) for key in keys])
    gone = [key for key, reply in zip(plan.source.key_sample, replies, strict=True) if reply != 1]
    if not gone:
        return Finding("key_sample", passed=True, detail=f"{len(keys)} sampled keys exist")
    # a key with a time to live may expire at any moment
    return Finding("key_sample", passed=False, severity=Severity.WARNING, detail=f"no longer there: {', '.join(gone)}")


def _wildcard(run: ActiveRun, live: Snapshot) -> Finding:
    """Count all documents by a query; while applications add and delete some, until the counts fit."""
    name, before = live.definition.name, live.stats.num_docs
    for _ in range(ATTEMPTS):
        try:
            total = count_results(run.server, name, "*")
        except ResponseError as error:
            return Finding("wildcard_query", passed=False, detail=str(error))
        after = read_stats(run.server, name).num_docs
        is_right = min(before, after) <= total <= max(before, after)
        if is_right:
            break
        before = after
    return Finding(
        "wildcard_query",
        is_right,
        detail=f"{total:,} results for {after:,} documents",
        severity=Severity.ERROR if live.definition.temporary is None else Severity.WARNING,
    )
