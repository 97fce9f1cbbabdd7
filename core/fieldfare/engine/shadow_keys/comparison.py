"""Findings on copied documents: whether the new keys hold what the old ones do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fieldfare.documents import KeyCounter
from fieldfare.engine.copied_keys import pairs_of
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow_keys.synchronization import KeySynchronization, read_pairs
from fieldfare.hooks.run_defaults import Verify
from fieldfare.plan import Phase
from fieldfare.report import Finding, Severity

__all__ = ["check_copies"]

SAMPLE: Final = 5000
"""How many documents a sample compares, whole batches of them."""


def check_copies(run: ActiveRun) -> Sequence[Finding]:
    """Compare captured documents with their copies, as many as the user asked for."""
    documents, different = 0, list[bytes]()
    if run.options.verify is Verify.NONE:
        return []
    for number, keys in enumerate(run.captured_keys()):
        if run.options.verify is not Verify.FULL and documents >= SAMPLE and number > 1:
            break
        found = read_pairs(run, pairs_of(run.plugins, run.plan, keys))
        documents += len(found)
        different += [pair.old for pair in found if not pair.is_equal and pair.has_old]
        run.check()
    missing, changed = KeyCounter(), KeyCounter()
    for outdated, _ in KeySynchronization(run, is_switched=_is_switched(run)).divide(different):
        for pair in outdated:
            (changed if pair.has_new else missing).add([pair.old])
    summary = f"{documents:,} of {run.document_count:,} documents compared with their copies"
    detail = f"{summary}; without a copy: {missing}" if missing.count else summary
    updated = f"old keys written since apply or 'fieldfare sync' last copied them: {changed}"
    data = {"documents": documents, "unconverted": missing.count, "updated": changed.count}
    return [
        Finding("document_contents", not missing.count, Severity.WARNING, detail, data),
        Finding("documents_updated", not changed.count, Severity.WARNING, updated, {"unconverted": changed.count}),
    ]


def _is_switched(run: ActiveRun) -> bool:
    return any(run.journal.record(step.id) for step in run.plan.steps if step.phase is Phase.SWITCH)
