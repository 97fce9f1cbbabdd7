"""Checking the target while the source still answers: nothing is switched unless all of it passes."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

from attrs import evolve

from fieldfare.changes import RenameField, UpdateOption
from fieldfare.comparison import IndexComparison, comparable_queries, compare_checks, comparison_findings
from fieldfare.engine.checks.validators import run_validators
from fieldfare.engine.run import ActiveRun
from fieldfare.engine.shadow.names import moved_names
from fieldfare.report import Finding, Severity
from fieldfare.server.index_names import real_name
from fieldfare.server.inspect import read_stats

__all__ = ["NAMES", "before_switch", "check_names", "check_target", "current_view", "find_problems"]

NAMES: Final = "names"
"""The finding that says where the names lead: before the switch, and after it."""

ATTEMPTS: Final = 5
"""How often both indexes are counted while applications write."""


def check_target(run: ActiveRun) -> tuple[tuple[Finding, ...], IndexComparison | None]:
    """Run every check on the target, and compare it with the source, which is live too.

    Returns:
        The findings, and the comparison of what both answer to the user's queries, if there are any.
    """
    findings = (*run_validators(before_switch(run)), _check_old_names(run), _counts(run))
    comparison = _compare_queries(run)
    return (*findings, *(comparison_findings(comparison) if comparison is not None else ())), comparison


def find_problems(findings: Sequence[Finding], comparison: IndexComparison | None) -> list[str]:
    """Return a line for each finding that keeps names from moving; one for all queries of the comparison together."""
    compared = {each.name for each in comparison_findings(comparison)} if comparison is not None else set()
    lines = [f"{each.name}: {each.detail}" for each in findings if each.fatal and each.name not in compared]
    if comparison is None or comparison.passed:
        return lines
    failed = ", ".join(repr(each.name) for each in comparison.queries if not each.passed)
    which = f"queries {failed}" if failed else "all queries together"
    return [*lines, f"{which}: {comparison.against!r} finds too little of what {comparison.index!r} finds"]


def before_switch(run: ActiveRun) -> ActiveRun:
    """Return the run as validators see it before the switch: no alias leads to the target yet."""
    return evolve(run, plan=evolve(run.plan, source=evolve(run.plan.source, aliases=())))


def after_switch(run: ActiveRun) -> ActiveRun:
    """Return the run as validators see it after the switch: every name is an alias of the target."""
    return evolve(run, plan=evolve(run.plan, source=evolve(run.plan.source, aliases=moved_names(run.plan))))


def current_view(run: ActiveRun) -> ActiveRun:
    """Return the run as validators see it now: before the switch as long as every name leads to the source."""
    names = moved_names(run.plan)
    found = {real_name(run.server, name) for name in names}
    return before_switch(run) if found == {run.source.name} else after_switch(run)


def check_names(run: ActiveRun) -> Finding:
    """Whether every name leads to the target."""
    names, target = moved_names(run.plan), run.target.name
    found = {name: real_name(run.server, name) for name in names}
    wrong = [f"{name!r} leads to {index!r}" for name, index in found.items() if index != target]
    detail = "; ".join(wrong) or _lead_to(names, target)
    return Finding(NAMES, not wrong, detail=detail)


def _check_old_names(run: ActiveRun) -> Finding:
    """Whether every name still leads to the source, if it leads anywhere."""
    found = {name: real_name(run.server, name) for name in moved_names(run.plan)}
    wrong = [
        f"{name!r} leads to the index {index!r}"
        for name, index in found.items()
        if index not in {None, run.source.name}
    ]
    detail = "; ".join(wrong) or _lead_to(tuple(found), run.source.name)
    return Finding(NAMES, not wrong, detail=detail)


def _lead_to(names: Sequence[str], index: str) -> str:
    return f"{', '.join(map(repr, names)) or 'nothing'} {'lead' if len(names) > 1 else 'leads'} to {index!r}"


def _compare_queries(run: ActiveRun) -> IndexComparison | None:
    """Ask both indexes the queries of the user's file; a count that reads a renamed field is asked of the target alone.

    It has the new name, which the source does not know.
    """
    checks = run.options.query_checks
    renamed = {name for each in run.plan.changes if isinstance(each, RenameField) for name in (each.old, each.new)}
    checks = evolve(checks, counts=tuple(each for each in checks.counts if not _names_any(each.text, renamed)))
    if not comparable_queries(checks):
        return None
    return compare_checks(run.server, run.source.name, run.target.name, checks, plugins=run.plugins, plan=run.plan)


def _names_any(query: str, fields: Collection[str]) -> bool:
    """Whether a query may read one of these fields."""
    text = query.replace("\\", "")
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text) for name in fields)


def _counts(run: ActiveRun) -> Finding:
    """Compare how many documents the two indexes hold at the same moment."""
    changed = [each.option for each in run.plan.changes if isinstance(each, UpdateOption) and each.affects_coverage]
    source = target = 0
    for _ in range(ATTEMPTS):
        source, target = (read_stats(run.server, each.name).num_docs for each in (run.source, run.target))
        if source == target:
            break
    data = {"source": source, "target": target}
    detail = f"{target:,} documents in {run.target.name!r}, {source:,} in {run.source.name!r} at the same moment"
    if changed:
        detail += f"; {', '.join(changed)} changed, so they may differ"
        return Finding("live_document_count", passed=True, severity=Severity.INFO, detail=detail, data=data)
    return Finding("live_document_count", source == target, Severity.WARNING, detail, data)
