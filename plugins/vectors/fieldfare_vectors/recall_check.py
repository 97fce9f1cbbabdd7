"""Whether the recall that a run measured is enough."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Final

from attrs import evolve

from fieldfare.report import Finding, Severity
from fieldfare_vectors.recall_step import SUFFIX, RecallParameters, upgrade_keys
from fieldfare_vectors.sample_warnings import count_vectors_that_hide_others

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from fieldfare.hooks.run import Run
    from fieldfare.plan import MigrationPlan

__all__ = ["check_recall"]

STANDARD_ERRORS: Final = 3
"""A loss up to so many standard errors is chance, where vectors without a distance disturb both indexes."""

HIDDEN_RECALL: Final = 0.5
"""Below this recall of the source index, vectors without a distance hide most others: nothing is left to lose."""


def check_recall(kind: str, plan: MigrationPlan, run: Run) -> list[Finding]:
    """Return a finding for each field whose recall was measured.

    Args:
        kind: the kind of the steps that measured it.
        plan: what was carried out.
        run: without a backup nothing was measured.
    """
    found = []
    steps = [step for step in plan.steps if step.kind.endswith(SUFFIX)] if run.has_backup else []
    for step in steps:
        # where several plugins change the vectors of one field, only the last one reports
        same_field = [each for each in steps if each.params["field"] == step.params["field"]]
        receipt = run.receipt(step)
        if step.kind == kind and step is same_field[-1] and receipt is not None and receipt.details:
            predicted = prod(RecallParameters.of(each).predicted_recall for each in same_field)
            parameters = evolve(RecallParameters.of(step), predicted_recall=predicted)
            hiding = count_vectors_that_hide_others(run.notes, parameters.source_format(plan).path)
            found.append(_finding(parameters, upgrade_keys(receipt.details), hiding))
    return found


def _finding(parameters: RecallParameters, facts: Mapping[str, Any], hiding: int) -> Finding:
    name = f"recall:{facts['field']}"
    if "error" in facts:
        return Finding(name, passed=False, detail=str(facts["error"]), data=facts)
    recall = facts["recall@10"]
    if recall is None:
        detail = "none of the query documents has neighbours left"
        return Finding(name, passed=True, severity=Severity.INFO, detail=detail, data=facts)
    compared = facts.get("compared", facts)
    # a neighbour that the source index missed too is no loss of the migration
    enough = _is_enough(parameters, compared["recall@10"], compared["source_recall@10"])
    enough_with_default_ef = _is_enough_with_default_ef(parameters, compared)
    if _is_chance(facts, hiding):
        enough = enough_with_default_ef = True
    tolerated = parameters.accept_recall_loss or ("compared" in facts and not _is_hidden(compared))
    severity = Severity.WARNING if tolerated else Severity.ERROR
    if enough and not enough_with_default_ef:
        severity = Severity.WARNING
    detail = _detail(parameters, facts, enough_with_default_ef=enough_with_default_ef)
    if hiding and recall < parameters.min_recall:
        detail += f"; vectors of zeros, NaN or infinity can hide others from every query: {hiding:,} documents have one"
    return Finding(name, enough and enough_with_default_ef, severity, detail, facts)


def _is_enough(parameters: RecallParameters, recall: float | None, source_recall: float | None) -> bool:
    return recall is None or recall >= parameters.min_recall * (1.0 if source_recall is None else source_recall)


def _is_chance(facts: Mapping[str, Any], hiding: int) -> bool:
    """Return whether vectors without a distance explain a loss: they displace others by chance, in both indexes."""
    if "compared" not in facts and not hiding:
        return False
    compared = facts.get("compared", facts)
    source_recall = compared["source_recall@10"]
    if source_recall is not None and source_recall < HIDDEN_RECALL:
        return True
    if 2 * facts.get("undefined_queries", 0) > facts["queries"]:
        return True
    return "compared" in facts and bool(compared["loss"] <= STANDARD_ERRORS * compared["standard_error"])


def _is_hidden(figures: Mapping[str, Any]) -> bool:
    """Return whether the target index finds not even half of what the source index found."""
    recall, source_recall = figures["recall@10"], figures["source_recall@10"]
    return None not in {recall, source_recall} and bool(recall < HIDDEN_RECALL * source_recall)


def _is_enough_with_default_ef(parameters: RecallParameters, facts: Mapping[str, Any]) -> bool:
    """Return whether applications that set no EF_RUNTIME still find enough of what they found before."""
    now, before = facts["recall@10_default_ef"], facts["source_recall@10_default_ef"]
    return now is None or before is None or bool(now >= parameters.min_recall * before)


def _detail(parameters: RecallParameters, facts: Mapping[str, Any], *, enough_with_default_ef: bool) -> str:
    required = f"at least {parameters.min_recall:g} required"
    accepted = ", less accepted" if parameters.accept_recall_loss else ""
    predicted = f"{parameters.predicted_recall:.3f} predicted"
    parts = [f"recall@10 is {facts['recall@10']:.3f} on {facts['queries']} queries ({required}{accepted}, {predicted})"]
    if facts["algorithm"] == "HNSW":
        now, before = facts["recall@10_default_ef"], facts["source_recall@10_default_ef"]
        compared = "" if before is None else f", {before:.3f} before"
        parts.append(f"with the index's default EF_RUNTIME: {now:.3f}{compared}")
        if not enough_with_default_ef:
            parts.append("the graph finds less than it did: raise EF_RUNTIME")
    if "compared" in facts:
        undefined = facts["undefined_queries"]
        parts.append(f"the source index found documents without a distance in {undefined} queries, which do not count")
    return "; ".join(parts)
