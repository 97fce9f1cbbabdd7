"""What a measured recall means for a run."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from attrs import evolve

from fieldfare.findings import Finding, Severity
from fieldfare.journal import Status
from fieldfare_vectors.hygiene import count_hiding
from fieldfare_vectors.parameters import SUFFIX, Parameters

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from fieldfare.engine.run import Run
    from fieldfare.plan import MigrationPlan

__all__ = ["findings"]


def findings(kind: str, plan: MigrationPlan, run: Run) -> list[Finding]:
    """Return a finding for each field whose recall was measured.

    Args:
        kind: of the steps that measured it.
        plan: what was carried out.
        run: without a backup nothing was measured.
    """
    found = []
    measured = [step for step in plan.steps if step.kind.endswith(SUFFIX)] if run.has_backup else []
    for step in measured:
        # where several plugins change the vectors of one field, the last one speaks for all
        together = [each for each in measured if each.params["field"] == step.params["field"]]
        record = run.journal.record(step.id)
        if step.kind != kind or step is not together[-1] or record is None or record.status is not Status.DONE:
            continue
        if record.receipt is not None and record.receipt.details:
            predicted = prod(each.params["predicted"] for each in together)
            parameters = evolve(Parameters.of(step), predicted=predicted)
            hiding = count_hiding(run.journal.progress.notes, parameters.vectors(plan).path)
            found.append(_finding(parameters, record.receipt.details, hiding))
    return found


def _finding(parameters: Parameters, facts: Mapping[str, Any], hiding: int) -> Finding:
    name = f"recall:{facts['field']}"
    if "error" in facts:
        return Finding(name, passed=False, detail=str(facts["error"]), data=facts)
    recall, before = facts["recall@10"], facts["recall@10 before"]
    if recall is None:
        detail = "none of the documents that were asked about has neighbours left"
        return Finding(name, passed=True, severity=Severity.INFO, detail=detail, data=facts)
    # what the source's graph did not find either is not the conversion's fault
    enough = recall >= parameters.limit * (1.0 if before is None else before)
    severity = Severity.WARNING if parameters.accepted else Severity.ERROR
    graph_is_fine = _graph_is_fine(parameters, facts)
    if enough and not graph_is_fine:
        severity = Severity.WARNING
    detail = _detail(parameters, facts)
    if hiding and recall < parameters.limit:
        detail += f"; vectors of zeros, NaN or infinity can hide others from every query: {hiding:,} documents have one"
    return Finding(name, enough and graph_is_fine, severity, detail, facts)


def _graph_is_fine(parameters: Parameters, facts: Mapping[str, Any]) -> bool:
    """Whether applications, as they ask, miss no more of what they found before."""
    now, before = facts["as asked"], facts["as asked before"]
    return now is None or before is None or bool(now >= parameters.limit * before)


def _detail(parameters: Parameters, facts: Mapping[str, Any]) -> str:
    recall = facts["recall@10"]
    limit = f"at least {parameters.limit:g} wanted{', less accepted' if parameters.accepted else ''}"
    parts = [
        f"recall@10 is {recall:.3f} on {facts['questions']} documents ({limit}, {parameters.predicted:.3f} predicted)"
    ]
    if facts["algorithm"] == "HNSW":
        asked, before = facts["as asked"], facts["as asked before"]
        was = "" if before is None else f", {before:.3f} before"
        parts.append(f"as the index is asked by default: {asked:.3f}{was}")
        if not _graph_is_fine(parameters, facts):
            parts.append("the graph finds less than it did: raise EF_RUNTIME")
    return "; ".join(parts)
