"""What a report says of its plan: the changes, and how the definition differs."""

from __future__ import annotations

from difflib import unified_diff
from typing import Final

from fieldfare.definition import IndexDefinition
from fieldfare.definition.schema import to_schema
from fieldfare.plan import MigrationPlan
from fieldfare.report.model import ReportedChange
from fieldfare.support.yamlfile import dump_yaml

__all__ = ["definition_diff", "reported_changes"]

CONTEXT_LINES: Final = 4


def reported_changes(plan: MigrationPlan) -> tuple[ReportedChange, ...]:
    """Return the changes of a plan, in order."""
    return tuple(
        ReportedChange(
            str(each.change), each.plugin, each.claim.rewrites_documents, each.claim.lossy, each.claim.details
        )
        for each in plan.claims
    )


def definition_diff(before: IndexDefinition, after: IndexDefinition) -> tuple[str, ...]:
    """Return the lines of a unified diff of two schemas, without file names; empty if they are equal."""
    old, new = (dump_yaml(to_schema(each)).splitlines() for each in (before, after))
    return tuple(unified_diff(old, new, n=CONTEXT_LINES, lineterm=""))[2:]
