"""Findings that tell how applications must encode their queries after a migration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldfare.changes import RenameField, UpdateField
from fieldfare.report import Finding, Severity

if TYPE_CHECKING:
    from fieldfare.plan import MigrationPlan

__all__ = ["query_encoding_findings"]


def query_encoding_findings(plan: MigrationPlan) -> list[Finding]:
    """Return a finding for each field whose datatype changes: it says how queries must be encoded."""
    new_names = {change.old: change.new for change in plan.changes if isinstance(change, RenameField)}
    found = []
    for change in plan.changes:
        if isinstance(change, UpdateField) and change.attribute == "datatype":
            name = new_names.get(change.name, change.name)
            detail = f"queries must be encoded as {change.new} from now on (fieldfare encode-query --field {name})"
            data = {"field": name, "datatype": change.new}
            found.append(
                Finding(f"query_encoding:{name}", passed=True, severity=Severity.INFO, detail=detail, data=data)
            )
    return found
