"""The check ``indexing_failures``: whether more documents than before could not be indexed.

The server counts attempts. A document that an application has written in its old form to an index that takes the new
form has failed, and is indexed once it is converted. So where there are more failures, documents are looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from fieldfare.definition import IndexStats
from fieldfare.engine.concurrent.new_documents import failing_documents, failures_expected, find_new_documents
from fieldfare.engine.run import ActiveRun
from fieldfare.report import Finding, Severity
from fieldfare.server.keys import TYPES
from fieldfare.server.permissions import require_allowed
from fieldfare.server.search import find_indexed
from fieldfare.support.wording import counted

__all__ = ["check_indexing_failures"]

ATTEMPTS: Final = 10
"""How often a document is looked for while applications write."""


def check_indexing_failures(run: ActiveRun, stats: IndexStats, *, expired: int) -> Finding:
    """Compare how many attempts failed with those of the source; if they are more, look at the documents.

    Args:
        run: the target is live.
        stats: those of the target.
        expired: how many captured documents have expired.
    """
    before, after = run.source_stats.hash_indexing_failures, stats.hash_indexing_failures
    data = {"before": before, "after": after}
    detail = f"{after:,} now, {before:,} before"
    if after <= failures_expected(run, expired):
        return Finding("indexing_failures", passed=True, detail=detail, data=data)
    if not run.has_backup:
        return Finding("indexing_failures", passed=False, detail=detail, data=data)
    outside = _count_outside(run, _captured(run))
    if any(step.transforms for step in run.plan.steps):
        outside += _count_outside(run, find_new_documents(run, 0))
        if outside <= failing_documents(run):
            detail += f": attempts, also at values that were converted then; {counted(outside, 'document')} not indexed"
            return Finding("indexing_failures", passed=True, detail=detail, data=data)
    severity = Severity.ERROR
    if not outside:
        unscanned = "that the old index did not scan (SKIPINITIALSCAN)"
        gone_again = "that expired or were deleted while the index was built"
        detail += f": documents {gone_again if run.source.filter is None else unscanned}; it lost none"
        severity = Severity.WARNING
    return Finding("indexing_failures", passed=False, severity=severity, detail=detail, data=data)


def _captured(run: ActiveRun) -> Iterator[Sequence[bytes]]:
    for keys in run.captured_keys():
        yield run.plan.moved_keys(keys)


def _count_outside(run: ActiveRun, batches: Iterable[Sequence[bytes]]) -> int:
    """Count the documents that the index does not hold; looked for again while applications write.

    With a FILTER, only documents that the old index held are captured.
    """
    kind = TYPES[run.target.storage]
    count = 0
    for keys in batches:
        outside = set(keys)
        for _ in range(ATTEMPTS):
            outside -= find_indexed(run.server, run.target.name, sorted(outside))
            names = sorted(outside)
            replies = require_allowed(run.server, [(b"TYPE", name) for name in names])
            outside = {name for name, reply in zip(names, replies, strict=True) if reply == kind}
            if not outside:
                break
        count += len(outside)
    return count
